# Whether a configuration can set each option that nixvf's module sets, or that
# qemu-vm.nix sets for the VM, to another value: nixos is a configuration with the
# module in it, and machine the same one without. Returns the names of the options, and
# those whose evaluation fails, for each way to set them.
lib: nixos: machine:
let
  inherit (builtins)
    concatMap
    filter
    isAttrs
    isBool
    isInt
    isList
    isString
    tryEval
    ;

  isOurs =
    path: file:
    lib.hasPrefix "nixvf/" file
    || lib.hasSuffix "/virtualisation/qemu-vm.nix" file && builtins.head path != "virtualisation";

  # What the files that are ours say of an option: its definitions.
  ours =
    path: option:
    let
      all = map (d: d.value) (filter (d: isOurs path (toString d.file)) option.definitionsWithLocations);
      found = tryEval (builtins.length all);
    in
    if !(option.readOnly or false) && !(option.internal or false) && found.success then all else [ ];

  # To look who defines an option evaluates much, which can fail for reasons of others. Whatever our files set, they name.
  sources =
    nixos.options.virtualisation.diskImage.declarations
    ++ map (name: ../samples/nixvf + "/${name}") (
      filter (lib.hasSuffix ".nix") (builtins.attrNames (builtins.readDir ../samples/nixvf))
    );
  text = lib.concatStringsSep "" (map builtins.readFile sources);
  isNamed = name: lib.hasInfix name text;

  leaves =
    path: set:
    concatMap (
      name:
      let
        here = set.${name};
        sub = path ++ [ name ];
        settings = concatMap (other here.type) (ours sub here);
      in
      if name == "_module" || !(isNamed name) || !(isAttrs here) then
        [ ]
      else if here._type or null == "option" then
        lib.optional (settings != [ ]) {
          path = sub;
          inherit settings;
        }
      else
        leaves sub here
    ) (builtins.attrNames set);

  # The values of the enumerations that a type takes.
  choices =
    type:
    type.functor.payload.values or [ ] ++ concatMap choices (builtins.attrValues (type.nestedTypes or { }));

  # Another value than a scalar one, which the option's type takes; fits says whether what it lies in does too.
  otherScalar =
    fits: type: value:
    let
      candidates =
        if isBool value then
          [ (!value) ]
        else if isInt value then
          [
            (value + 1)
            (value - 1)
          ]
        else
          [
            "other"
            "/other"
            "other.service"
            "simple"
            "no"
          ]
          ++ choices type;
      taken = filter (v: v != value && fits v) candidates;
    in
    if taken == [ ] then
      throw "no other value than ${builtins.toJSON value} is known"
    else
      builtins.head taken;

  # The type of what is in a value of a type: under a name, or in a list.
  below =
    type: name:
    let
      nested = type.nestedTypes or { };
      options = (type.getSubOptions or (_: { })) [ ];
    in
    if type.name or "" == "nullOr" then
      below nested.elemType name
    else if type.name or "" != "submodule" then
      nested.elemType or { }
    else
      options.${name}.type or (below (nested.freeformType or { }) name);

  # Other values than a value, as many as it has scalars in it; none for what has no other.
  other = type: otherIn (takes type) type;
  takes = type: type.check or (_: true);
  otherIn =
    fits: type: value:
    let
      inner = name: put: otherIn (v: takes (below type name) v && fits (put v)) (below type name);
    in
    if isBool value || isInt value || isString value then
      [ (otherScalar fits type value) ]
    else if value == null then
      [ ]
    else if isList value then
      [
        (map (v: if isString v then builtins.head (inner "" (v: [ v ]) v) else v) value)
      ]
    else if value._type or null == "if" then
      concatMap (otherIn fits type) (lib.optional value.condition value.content)
    else if value._type or null == "merge" then
      concatMap (otherIn fits type) value.contents
    else if value ? _type then
      otherIn fits type value.content
    else if isAttrs value && !(value ? outPath) then
      concatMap (
        name: map (v: { ${name} = v; }) (inner name (v: { ${name} = v; }) value.${name})
      ) (builtins.attrNames value)
    else
      [ ];

  # The same with each scalar marked.
  mark =
    how: value: if isAttrs value && !(value ? outPath) then builtins.mapAttrs (_: mark how) value else how value;

  # Evaluates a value to its end, and of packages no more than that they are some: they have their tests in them, and
  # those whole other systems.
  evaluated =
    value:
    if isList value then
      builtins.all evaluated value
    else if isAttrs value && !(value ? outPath) then
      builtins.all evaluated (builtins.attrValues value)
    else
      true;

  # The same of what a setting sets of a value. What else is in it has other reasons to fail: a whole system is in
  # system.build, with its assertions.
  evaluatedAt =
    setting: value:
    if
      isAttrs setting && isAttrs value && builtins.all (name: value ? ${name}) (builtins.attrNames setting)
    then
      builtins.all (name: evaluatedAt setting.${name} value.${name}) (builtins.attrNames setting)
    else
      evaluated value;

  found = leaves [ ] nixos.options;
  set = how: leaf: map (setting: lib.setAttrByPath leaf.path (mark how setting)) leaf.settings;
  fails =
    leaf: changed: setting:
    !(tryEval (evaluatedAt setting (lib.attrByPath leaf.path null changed.config))).success;
  # What fails without our files too is no matter of theirs; nor is what fails only beside all the others, where it
  # was some feature that another setting has switched on.
  failsByUs =
    how: leaf: changed:
    let
      alone = nixos: nixos.extendModules { modules = set how leaf; };
      isOthers = lib.attrByPath leaf.path null machine.options != null;
    in
    builtins.any (
      s: fails leaf changed s && fails leaf (alone nixos) s && !(isOthers && fails leaf (alone machine) s)
    ) leaf.settings;
  failsWith =
    how:
    let
      changed = nixos.extendModules { modules = concatMap (set how) found; };
    in
    map (leaf: lib.concatStringsSep "." leaf.path) (
      filter (leaf: failsByUs how leaf changed) found
    );
in
{
  options = map (leaf: lib.concatStringsSep "." leaf.path) found;
  plainly = failsWith (value: value);
  mkDefault = failsWith lib.mkDefault;
  mkForce = failsWith lib.mkForce;
}

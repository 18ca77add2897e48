# Whether a configuration can set each option that nixvf's module sets, or that
# qemu-vm.nix sets for the VM, to another value: nixos is a configuration with the
# module in it. Returns the names of the options, and those whose evaluation fails,
# for each way to set them.
lib: nixos:
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
        settings = concatMap other (ours sub here);
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

  # Other values than a value, as many as it has scalars in it; none for what has no other.
  other =
    value:
    if isBool value then
      [ (!value) ]
    else if isInt value then
      [ (value + 1) ]
    else if isString value then
      [ "other" ]
    else if value == null then
      [ ]
    else if isList value then
      [ (map (v: if isString v then "other" else v) value) ]
    else if value._type or null == "if" then
      concatMap other (lib.optional value.condition value.content)
    else if value._type or null == "merge" then
      concatMap other value.contents
    else if value ? _type then
      other value.content
    else if isAttrs value && !(value ? outPath) then
      concatMap (name: map (v: { ${name} = v; }) (other value.${name})) (builtins.attrNames value)
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

  found = leaves [ ] nixos.options;
  failsWith =
    how:
    let
      set = leaf: map (setting: lib.setAttrByPath leaf.path (mark how setting)) leaf.settings;
      changed = nixos.extendModules { modules = concatMap set found; };
      fails =
        leaf:
        let
          value = lib.attrByPath leaf.path null changed.config;
        in
        !(tryEval (evaluated value)).success;
    in
    map (leaf: lib.concatStringsSep "." leaf.path) (filter fails found);
in
{
  options = map (leaf: lib.concatStringsSep "." leaf.path) found;
  plainly = failsWith (value: value);
  mkDefault = failsWith lib.mkDefault;
  mkForce = failsWith lib.mkForce;
}

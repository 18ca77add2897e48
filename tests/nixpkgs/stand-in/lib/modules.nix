# A small module system: imports, keys, mkIf, mkMerge, priorities, order, and the
# types below.
lib:
with lib;
let
  property = type: fields: fields // { _type = type; };
  isProperty = value: value ? _type && isAttrs value;

  # The definitions that a value stands for, each with priority and order.
  discharge =
    value:
    if !isProperty value then
      [
        {
          priority = 100;
          order = 1000;
          inherit value;
        }
      ]
    else if value._type == "merge" then
      concatMap discharge value.contents
    else if value._type == "if" then
      if value.condition then discharge value.content else [ ]
    else if value._type == "override" then
      map (d: d // { inherit (value) priority; }) (discharge value.content)
    else if value._type == "order" then
      map (d: d // { inherit (value) order; }) (discharge value.content)
    else
      [
        {
          priority = 100;
          order = 1000;
          inherit value;
        }
      ];

  # The attribute sets that a set of definitions stands for, with its properties
  # moved to the values, so that what is defined does not depend on conditions.
  push =
    value:
    if !isProperty value then
      [ value ]
    else if value._type == "merge" then
      concatMap push value.contents
    else if value._type == "if" || value._type == "override" then
      map (mapAttrs (_: content: value // { inherit content; })) (push value.content)
    else
      [ value ];

  # All definitions of one thing; those that count, in order.
  effective =
    defs:
    let
      each = concatMap (d: map (x: x // { inherit (d) file; }) (discharge d.value)) defs;
      strongest = builtins.foldl' (p: d: if d.priority < p then d.priority else p) 9999 each;
    in
    {
      inherit strongest;
      defs = builtins.sort (a: b: a.order < b.order) (filter (d: d.priority == strongest) each);
    };

  values = map (d: d.value);

  mergeType =
    type: loc: defs:
    let
      found = effective defs;
    in
    if found.defs == [ ] && !(type ? emptyValue) then
      throw "The option `${concatStringsSep "." loc}' was accessed but has no value defined."
    else if !(all (d: type.check d.value) found.defs) then
      throw "A definition for option `${concatStringsSep "." loc}' is not of type `${type.name}'. Definition values: ${builtins.toJSON (map (d: d.file) found.defs)}"
    else
      type.merge loc found.defs;

  equal =
    loc: defs:
    # A function is not even equal to itself.
    if length defs == 1 || all (v: v == head (values defs)) (values defs) then
      head (values defs)
    else
      throw "The option `${concatStringsSep "." loc}' has conflicting definition values: ${builtins.toJSON (map (d: d.file) defs)}";

  scalar = name: check: {
    inherit name check;
    merge = equal;
  };

  anything = {
    name = "anything";
    check = _: true;
    merge =
      loc: defs:
      if all isAttrs (values defs) && !(builtins.any (v: v ? outPath) (values defs)) then
        (attrsOf anything).merge loc defs
      else
        equal loc defs;
  };

  attrsOf = type: {
    name = "attribute set of ${type.name}";
    of = type;
    join = other: attrsOf (type.join other.of);
    check = isAttrs;
    emptyValue = { };
    merge =
      loc: defs:
      let
        sets = concatMap (d: map (value: { inherit (d) file; inherit value; }) (push d.value)) defs;
        names = unique (concatMap (d: attrNames d.value) sets);
        of =
          name:
          map (d: {
            inherit (d) file;
            value = d.value.${name};
          }) (filter (d: d.value ? ${name}) sets);
        present = filter (name: (effective (of name)).defs != [ ]) names;
      in
      builtins.listToAttrs (map (name: nameValuePair name (mergeType type (loc ++ [ name ]) (of name))) present);
  };

  types = rec {
    inherit anything attrsOf;
    bool = scalar "boolean" builtins.isBool;
    str = scalar "string" (v: isString v || builtins.isPath v || v ? outPath);
    path = str;
    package = scalar "package" (_: true);
    raw = package;
    strMatching = pattern: scalar "string matching ${pattern}" (v: isString v && builtins.match pattern v != null);
    ints = {
      positive = scalar "positive integer" (v: isInt v && v > 0);
      unsigned = scalar "unsigned integer" (v: isInt v && v >= 0);
      between = from: to: scalar "integer from ${toString from} to ${toString to}" (v: isInt v && v >= from && v <= to);
    };
    port = ints.between 0 65535;
    enum = list: scalar "one of ${builtins.toJSON list}" (v: elem v list);
    nullOr =
      type:
      type
      // {
        name = "null or ${type.name}";
        check = v: v == null || type.check v;
        merge = loc: defs: if all (v: v == null) (values defs) then null else type.merge loc defs;
      };
    lines = {
      name = "lines";
      check = isString;
      emptyValue = "";
      merge = _: defs: concatStringsSep "\n" (values defs);
    };
    listOf = type: {
      name = "list of ${type.name}";
      check = isList;
      emptyValue = [ ];
      merge =
        loc: defs:
        concatMap (
          d:
          map (
            value:
            mergeType type loc [
              {
                inherit (d) file;
                inherit value;
              }
            ]
          ) d.value
        ) defs;
    };
    coercedTo =
      from: f: type:
      type
      // {
        check = v: from.check v || type.check v;
        merge = loc: defs: type.merge loc (map (d: d // { value = if from.check d.value then f d.value else d.value; }) defs);
      };
    submodule = module: submodules [ module ];
    submodules = modules: {
      name = "submodule";
      inherit modules;
      join = other: submodules (modules ++ other.modules);
      check = v: isAttrs v || builtins.isFunction v || builtins.isPath v;
      emptyValue = { };
      merge =
        loc: defs:
        (evalModules {
          modules = modules ++ map (d: { _file = d.file; config = d.value; }) defs;
          specialArgs.name = builtins.elemAt loc (length loc - 1);
        }).config;
    };
  };

  # A module in its long form. Without a key it is the only one of its kind.
  load =
    args: parent: number: module:
    let
      named = builtins.isPath module || isString module;
      text = if named then import module else module;
      body =
        if builtins.isFunction text then
          text (builtins.intersectAttrs (builtins.functionArgs text) args // { inherit (args) config lib options; })
        else
          text;
      file = body._file or (if named then toString module else parent);
      long = body ? config || body ? options;
    in
    {
      inherit file;
      key = body.key or (if named then toString module else "${parent}#${toString number}");
      imports = body.imports or [ ];
      disabled = body.disabledModules or [ ];
      options = body.options or { };
      config = if long then body.config or { } else removeAttrs body [ "imports" "key" "_file" "disabledModules" ];
    };

  loadAll = args: parent: modules: builtins.genList (i: load args parent i (builtins.elemAt modules i)) (length modules);

  evalModules =
    {
      modules,
      specialArgs ? { },
    }:
    let
      args = {
        inherit (tree) config options;
        inherit lib;
        inherit specialArgs;
        extendModules = extend;
      }
      // specialArgs;
      found = builtins.genericClosure {
        startSet = loadAll args "<unknown-file>" modules;
        operator = m: loadAll args m.key m.imports;
      };
      extend = more: evalModules {
        modules = modules ++ more.modules or [ ];
        specialArgs = specialArgs // more.specialArgs or { };
      };
      disabled = map (file: "${args.modulesPath}/${file}") (concatMap (m: m.disabled) found);
      enabled = filter (m: !(elem m.key disabled)) found;
      tree = evalTree [ ] (map (m: { inherit (m) file; value = m.options; }) enabled) (
        map (m: { inherit (m) file; value = m.config; }) enabled
      );
    in
    tree // { extendModules = extend; };

  # Options and their values, level by level.
  evalTree =
    loc: decls: defs:
    let
      sets = concatMap (d: map (value: { inherit (d) file; inherit value; }) (push d.value)) defs;
      at =
        list: name:
        map (d: {
          inherit (d) file;
          value = d.value.${name};
        }) (filter (d: d.value ? ${name}) list);
      names = unique (concatMap (d: attrNames d.value) decls);
      strangers = filter (name: !(elem name names)) (concatMap (d: attrNames d.value) sets);
      child =
        name:
        let
          here = at decls name;
          sub = loc ++ [ name ];
        in
        if (head here).value._type or null == "option" then
          let
            option = evalOption sub here (at sets name);
          in
          {
            config = option.value;
            options = option;
          }
        else
          evalTree sub here (at sets name);
      children = builtins.listToAttrs (map (name: nameValuePair name (child name)) names);
    in
    {
      # What options there are does not depend on what is defined.
      options = mapAttrs (_: c: c.options) children;
      config =
        if strangers != [ ] then
          throw "The option `${concatStringsSep "." (loc ++ [ (head strangers) ])}' does not exist."
        else
          mapAttrs (_: c: c.config) children;
    };

  evalOption =
    loc: decls: defs:
    let
      # An option may be declared more than once: submodules join.
      decl = builtins.foldl' (
        a: b: a // b // (if a ? type && b ? type then { type = a.type.join b.type; } else { })
      ) { } (values decls);
      default = map (value: {
        inherit (head decls) file;
        value = mkOverride 1500 value;
      }) (if decl ? default then [ decl.default ] else [ ]);
      all = default ++ defs;
      found = effective all;
    in
    decl
    // {
      _type = "option";
      value =
        let
          merged = mergeType decl.type loc all;
        in
        (decl.apply or (x: x)) merged;
      highestPrio = found.strongest;
      isDefined = found.defs != [ ];
      definitionsWithLocations = map (d: { inherit (d) file value; }) found.defs;
      declarations = map (d: d.file) decls;
    };

  mkOverride = priority: content: property "override" { inherit priority content; };
  mkOrder = order: content: property "order" { inherit order content; };
in
{
  inherit evalModules types mkOverride;
  mkOption = property "option";
  mkIf = condition: content: property "if" { inherit condition content; };
  mkMerge = contents: property "merge" { inherit contents; };
  mkForce = mkOverride 50;
  mkVMOverride = mkOverride 10;
  mkDefault = mkOverride 1000;
  mkBefore = mkOrder 500;
  mkAfter = mkOrder 1500;
}

# The part of nixpkgs' lib that nixvf's flake uses.
let
  inherit (builtins)
    attrNames
    attrValues
    concatStringsSep
    foldl'
    isFunction
    isPath
    listToAttrs
    mapAttrs
    ;

  # Merges sets deeply; what is in both is the later one's.
  merge =
    a: b:
    a
    // mapAttrs (name: new: if a ? ${name} && isSet a.${name} && isSet new then merge a.${name} new else new) b;
  isSet = value: builtins.isAttrs value && !(value ? type);

  hasPrefix = prefix: string: builtins.substring 0 (builtins.stringLength prefix) string == prefix;

  lib = {
    inherit (builtins) attrValues mapAttrs all;
    inherit evalModules;

    genAttrs = names: f: listToAttrs (map (name: { inherit name; value = f name; }) names);
    mapAttrs' = f: set: listToAttrs (map (name: f name set.${name}) (attrNames set));
    getExe = package: "${package}/bin/${package.meta.mainProgram}";
    makeBinPath = packages: concatStringsSep ":" (map (package: "${package}/bin") packages);
    literalMD = text: text;
    licenses.asl20.spdxId = "Apache-2.0";

    # A file set is a list of paths here.
    fileset = {
      unions = paths: paths;
      toSource =
        { root, fileset }:
        builtins.path {
          name = "source";
          path = root;
          filter =
            path: _:
            builtins.any (file: path == toString file || hasPrefix "${toString file}/" path) fileset;
        };
    };

    mkOption = option: option // { type = option.type; };
    types = {
      anything = value: value;
      package = value: value;
      str = value: if builtins.isString value then value else throw "not a string";
      listOf = type: map type;
      attrsOf = type: mapAttrs (_: type);
      submodule =
        module: value:
        (evalModules {
          modules = [
            module
            { config = value; }
          ];
        }).config;
    };

    # One configuration, that of the template.
    nixosSystem =
      { modules }:
      {
        extendModules =
          { modules }:
          {
            config.virtualisation.vmVariant = {
              fileSystems."/nix/.ro-store".fsType = "virtiofs";
              boot.bootspec.extensions."io.github.nixvf.v1" = { };
            };
          };
      };
  };

  # The module system without imports, conditions and priorities. A type is the function that checks a value.
  evalModules =
    { modules }:
    let
      load = module: if isPath module then load (import module) else if isFunction module then module args else module;
      args = {
        inherit config lib;
        inherit (given._module.args) pkgs;
      };
      loaded = map load modules;
      of = name: foldl' merge { } (map (module: module.${name} or { }) loaded);
      given = of "config";
      value =
        path: option: values:
        if option ? type then
          option.type (if values == null then option.default or (throw "${path} has no value") else values)
        else
          section path option (if values == null then { } else values);
      section =
        path: options: values:
        let
          unknown = attrNames (builtins.removeAttrs values (attrNames options));
        in
        if unknown != [ ] then
          throw "${path}: no option ${toString unknown}"
        else
          mapAttrs (name: option: value "${path}.${name}" option (values.${name} or null)) options;
      config = section "config" (of "options") (builtins.removeAttrs given [ "_module" ]);
    in
    {
      inherit config;
    };
in
lib

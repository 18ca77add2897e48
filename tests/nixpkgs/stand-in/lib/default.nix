# As much of nixpkgs' lib as nixvf's flake and module use, with the same meaning.
let
  lists = rec {
    inherit (builtins)
      all
      any
      attrNames
      attrValues
      concatLists
      concatMap
      concatStringsSep
      elem
      elemAt
      filter
      head
      isAttrs
      isInt
      isList
      isString
      length
      map
      mapAttrs
      ;
    optional = cond: value: if cond then [ value ] else [ ];
    optionals = cond: list: if cond then list else [ ];
    optionalString = cond: text: if cond then text else "";
    imap0 = f: list: builtins.genList (i: f i (elemAt list i)) (length list);
    unique = builtins.foldl' (acc: x: if elem x acc then acc else acc ++ [ x ]) [ ];
    mapAttrsToList = f: set: map (name: f name set.${name}) (attrNames set);
    filterAttrs =
      keep: set: removeAttrs set (filter (name: !(keep name set.${name})) (attrNames set));
    mapAttrs' = f: set: builtins.listToAttrs (map (name: f name set.${name}) (attrNames set));
    genAttrs = names: f: builtins.listToAttrs (map (name: nameValuePair name (f name)) names);
    nameValuePair = name: value: { inherit name value; };
    attrByPath =
      path: default: set:
      if path == [ ] then
        set
      else if set ? ${head path} then
        attrByPath (builtins.tail path) default set.${head path}
      else
        default;
    inherit (builtins) tail;
    setAttrByPath =
      path: value:
      if path == [ ] then value else { ${head path} = setAttrByPath (builtins.tail path) value; };
    optionalAttrs = cond: set: if cond then set else { };
    removePrefix =
      prefix: s:
      if hasPrefix prefix s then builtins.substring (builtins.stringLength prefix) (-1) s else s;
    hasPrefix = prefix: s: builtins.substring 0 (builtins.stringLength prefix) s == prefix;
    hasSuffix =
      suffix: s:
      let
        rest = builtins.stringLength s - builtins.stringLength suffix;
      in
      rest >= 0 && builtins.substring rest (-1) s == suffix;
    removeSuffix =
      suffix: s:
      if hasSuffix suffix s then
        builtins.substring 0 (builtins.stringLength s - builtins.stringLength suffix) s
      else
        s;
    hasInfix =
      infix: s: builtins.length (builtins.split (builtins.replaceStrings [ "." ] [ "\\." ] infix) s) > 1;
    splitString =
      separator: s:
      filter isString (builtins.split (builtins.replaceStrings [ "." ] [ "\\." ] separator) s);
    literalExpression = text: { inherit text; };
    literalMD = text: { inherit text; };

    lowPrio = package: package;
    licenses.asl20.spdxId = "Apache-2.0";
    getExe = package: "${package}/bin/${package.meta.mainProgram}";
    makeBinPath = packages: concatStringsSep ":" (map (package: "${package}/bin") packages);

    # A file set is a list of paths here.
    fileset = {
      unions = paths: paths;
      toSource =
        { root, fileset }:
        builtins.path {
          name = "source";
          path = root;
          filter =
            path: _: any (file: path == toString file || hasPrefix "${toString file}/" path) fileset;
        };
    };
  };
  all = lists // import ./modules.nix all;
in
all

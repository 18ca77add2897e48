# Leaves out of the VM what the configuration has for the real machine: the table
# in machine-options.nix.
{
  config,
  lib,
  options,
  ...
}:

let
  inherit (import ./priorities.nix { inherit lib; }) mkGuest;
  table = import ./machine-options.nix { inherit lib; };

  path = lib.splitString ".";
  # What lies in an option whose names are free, as environment.etc is, is known by that.
  exists =
    set: names:
    set._type or null == "option"
    || names == [ ]
    || set ? ${lib.head names} && exists set.${lib.head names} (lib.tail names);

  fsTypes = map (fs: fs.fsType) (lib.attrValues (config.virtualisation.fileSystems or { }));
  define =
    name:
    { value, unless ? null, ... }:
    lib.optionalAttrs (exists options (path name)) (
      lib.setAttrByPath (path name) (lib.mkIf (!(lib.elem unless fsTypes)) (mkGuest value))
    );
  filtered = name: {
    options = lib.setAttrByPath (path name) (
      lib.mkOption { apply = lib.filterAttrs (_: table.${name}.keep); }
    );
  };

  names = lib.attrNames table;
  isFiltered = name: table.${name} ? keep;
in
{
  _file = "nixvf/machine.nix";
  imports = map filtered (lib.filter isFiltered names);
  config = lib.mkMerge (
    map (name: define name table.${name}) (lib.filter (name: !(isFiltered name)) names)
  );
}

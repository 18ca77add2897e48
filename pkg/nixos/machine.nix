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
  table = import ./machine-options.nix;

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
in
{
  _file = "nixvf/machine.nix";
  config = lib.mkMerge (lib.mapAttrsToList define table);
}

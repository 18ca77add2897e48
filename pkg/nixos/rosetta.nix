# Apple's Rosetta, which runs x86_64 programs in a guest on a Mac.
{
  config,
  lib,
  options,
  ...
}:

let
  inherit (import ./priorities.nix { inherit lib; }) mkNixvfDefault;
  rosetta = config.virtualisation.rosetta or { enable = false; };
in
{
  _file = "nixvf/rosetta.nix";

  config =
    lib.optionalAttrs (options.virtualisation ? rosetta && options.virtualisation ? fileSystems)
      {
        virtualisation.rosetta.enable = mkNixvfDefault config.nixvf.rosetta;

        # rosetta.nix of NixOS sets `fileSystems.<mountPoint>`, which both overrides of
        # `fileSystems` drop.
        virtualisation.fileSystems = lib.mkIf rosetta.enable {
          ${rosetta.mountPoint} = {
            device = mkNixvfDefault rosetta.mountTag;
            fsType = mkNixvfDefault "virtiofs";
            options = [ "nofail" ];
          };
        };
        # Without Rosetta on the host there is no interpreter to register.
        systemd.services = lib.mkIf rosetta.enable {
          systemd-binfmt.serviceConfig.SuccessExitStatus = [ 1 ];
        };
      };
}

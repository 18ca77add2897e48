{ config, lib, ... }:
let
  inherit (lib) mkOption types;
  cfg = config.virtualisation.rosetta;
in
{
  options.virtualisation.rosetta = {
    enable = mkOption {
      type = types.bool;
      default = false;
    };
    mountPoint = mkOption {
      type = types.str;
      default = "/run/rosetta";
    };
    mountTag = mkOption {
      type = types.str;
      default = "rosetta";
    };
  };
  config = lib.mkIf cfg.enable {
    fileSystems.${cfg.mountPoint} = {
      device = cfg.mountTag;
      fsType = "virtiofs";
    };
  };
}

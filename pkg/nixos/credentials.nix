# What the host hands to the guest's systemd as credentials: stage 1 takes it from a
# share, and the first process of the real root from there (systemd.io/CREDENTIALS).
{ config, lib, ... }:

let
  inherit (import ./priorities.nix { inherit lib; }) mkUnit;
  script = builtins.readFile ./credentials.sh;
in
{
  _file = "nixvf/credentials.nix";

  config = lib.mkMerge [
    (lib.mkIf (!config.boot.initrd.systemd.enable) {
      boot.initrd.postMountCommands = ''
        (
        ${script}
        )
      '';
    })
    (lib.mkIf config.boot.initrd.systemd.enable {
      boot.initrd.systemd.services.nixvf-credentials = mkUnit {
        description = "Credentials from the host";
        wantedBy = [ "initrd.target" ];
        after = [ "systemd-modules-load.service" ];
        before = [
          "initrd.target"
          "shutdown.target"
        ];
        conflicts = [ "shutdown.target" ];
        unitConfig = {
          DefaultDependencies = false;
          ConditionKernelCommandLine = "nixvf.credentials";
          ConditionPathExists = "!/run/credentials/@initrd";
        };
        serviceConfig = {
          Type = "oneshot";
          RemainAfterExit = true;
        };
        inherit script;
      };
    })
  ];
}

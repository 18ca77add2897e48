# Shares that nixvf-args gives the VM with a place to mount them, which the
# configuration knows nothing of.
{
  config,
  lib,
  pkgs,
  ...
}:

let
  inherit (import ./priorities.nix { inherit lib; }) mkUnit;
in
{
  _file = "nixvf/mounts.nix";

  config.systemd.services.nixvf-mounts = mkUnit {
    description = "Shares that nixvf-args has given a place";
    # After the configuration's own file systems, in which such a place may lie, and
    # before anybody logs in.
    wantedBy = [ "sysinit.target" ];
    after = [
      "local-fs.target"
      "systemd-modules-load.service"
    ];
    before = [
      "sysinit.target"
      "shutdown.target"
    ];
    conflicts = [ "shutdown.target" ];
    # What works in such a directory goes on when the configuration changes.
    restartIfChanged = false;
    unitConfig = {
      DefaultDependencies = false;
      ConditionKernelCommandLine = "nixvf.mount";
      IgnoreOnIsolate = true;
    };
    serviceConfig = {
      Type = "oneshot";
      RemainAfterExit = true;
    };
    path = [ pkgs.util-linux ];
    script = builtins.readFile ./mounts.sh;
  };
}

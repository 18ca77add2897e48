# The guest's end of vfkit's --timesync: a clock that has stood still while the host
# slept goes right at once, with no network.
{ lib, ... }:

let
  inherit (import ./priorities.nix { inherit lib; }) mkUnit;
  # As package boot has it.
  port = 723;

  early = {
    before = [ "shutdown.target" ];
    conflicts = [ "shutdown.target" ];
  };
in
{
  _file = "nixvf/clock.nix";

  config = {
    systemd.sockets.nixvf-clock = mkUnit (
      early
      // {
        description = "Time from the host";
        wantedBy = [ "sysinit.target" ];
        unitConfig = {
          DefaultDependencies = false;
          ConditionKernelCommandLine = "nixvf.clock";
        };
        socketConfig = {
          Accept = true;
          ListenStream = "vsock::${toString port}";
        };
      }
    );
    systemd.services."nixvf-clock@" = mkUnit (
      early
      // {
        description = "Time from the host";
        restartIfChanged = false;
        unitConfig = {
          DefaultDependencies = false;
          CollectMode = "inactive-or-failed";
        };
        serviceConfig = {
          StandardInput = "socket";
          StandardOutput = "socket";
          StandardError = "journal";
        };
        environment.CONNECTION = "%i";
        script = builtins.readFile ./clock.sh;
      }
    );
  };
}

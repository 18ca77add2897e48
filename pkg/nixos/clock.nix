# The guest's clock, which has stood still while the host slept: the guest's end of
# vfkit's --timesync sets it at once and with no network, timesyncd keeps it right.
{ lib, ... }:

let
  inherit (import ./priorities.nix { inherit lib; }) mkGuest mkNixvfDefault mkUnit;
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
    # qemu-vm.nix switches it off, since KVM keeps a guest's time; a guest on a Mac
    # that slept is late. Other time services switch it off with mkForce.
    services.timesyncd.enable = mkGuest true;
    environment.etc."systemd/timesyncd.conf.d/nixvf.conf".text = mkNixvfDefault ''
      [Time]
      PollIntervalMaxSec=64
    '';

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

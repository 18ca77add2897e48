# The guest's Nix database, which knows what the host has built for it: loaded after
# what older releases of nixpkgs do with regInfo (postBootCommands), in the place of
# what newer ones do (register-nix-paths), and before anything that uses it.
{
  config,
  lib,
  modulesPath,
  ...
}:

let
  cfg = config.virtualisation;
  inherit (import ./priorities.nix { inherit lib; }) mkGuest mkNixvfOverride mkUnit;

  layerOnDisk = cfg.writableStore or false && !cfg.writableStoreUseTmpfs;
  database = if layerOnDisk && cfg.diskImage != null then "kept" else "fresh";

  # Whether this release's qemu-vm.nix loads the registration in a unit of its own.
  registersPaths = lib.hasInfix "services.register-nix-paths" (
    builtins.readFile "${modulesPath}/virtualisation/qemu-vm.nix"
  );
in
{
  _file = "nixvf/database.nix";

  config = lib.mkIf (config.nix.enable or true) {
    systemd.services.nixvf-nix-database = mkUnit {
      description = "Nix database of what the host has built";
      wantedBy = [ "sysinit.target" ];
      after = [ "local-fs.target" ];
      before = [
        "register-nix-paths.service"
        "sysinit.target"
        "nix-daemon.socket"
        "nix-daemon.service"
        "shutdown.target"
      ];
      conflicts = [ "shutdown.target" ];
      # Once a boot: neither a switch of configuration nor a visit to emergency mode
      # may forget what the guest has built.
      restartIfChanged = false;
      unitConfig = {
        DefaultDependencies = false;
        IgnoreOnIsolate = true;
        RefuseManualStop = true;
      };
      serviceConfig = {
        Type = "oneshot";
        RemainAfterExit = true;
        # The database belongs to the daemon, which newer releases can run as a user.
        User = config.nix.daemonUser or "root";
        Group = config.nix.daemonGroup or "root";
      };
      environment.NIX_REMOTE = "local"; # the daemon does not run yet
      path = [ config.nix.package ];
      script = ''
        set -- ${database}
        ${builtins.readFile ./nix-database.sh}
      '';
    };

    systemd.services.register-nix-paths = lib.mkIf registersPaths {
      script = mkNixvfOverride ''
        # nixvf-nix-database has loaded it
      '';
      # As qemu-vm.nix has them, so plainly that a configuration could not say anything else.
      restartIfChanged = mkGuest false;
      unitConfig.DefaultDependencies = mkGuest false;
      serviceConfig.Type = mkGuest "oneshot";
      serviceConfig.RemainAfterExit = mkGuest true;
    };
  };
}

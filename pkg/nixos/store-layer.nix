# The layer above the host's store to which the guest writes: stage 1 prepares it
# before the overlay is mounted.
{
  config,
  lib,
  pkgs,
  ...
}:

let
  inherit (import ./priorities.nix { inherit lib; }) mkNixvfDefault mkUnit;
  isWritable = config.virtualisation.writableStore or false;
in
{
  _file = "nixvf/store-layer.nix";

  config = lib.mkMerge [
    (lib.mkIf (isWritable && !config.boot.initrd.systemd.enable) {
      boot.initrd.extraUtilsCommands = "copy_bin_and_libs ${pkgs.attr}/bin/setfattr";
      boot.initrd.postMountCommands = ''
        (
        ROOT=$targetRoot
        ${builtins.readFile ./store-layer.sh}
        )
      '';
    })
    (lib.mkIf (isWritable && config.boot.initrd.systemd.enable) {
      boot.initrd.systemd = {
        extraBin.find = mkNixvfDefault "${pkgs.findutils}/bin/find";
        extraBin.setfattr = mkNixvfDefault "${pkgs.attr}/bin/setfattr";
        services.nixvf-store-layer = mkUnit {
          description = "Layer above the host's store";
          wantedBy = [ "sysroot-nix-store.mount" ];
          before = [
            "sysroot-nix-store.mount"
            "shutdown.target"
          ];
          conflicts = [ "shutdown.target" ];
          # Once a boot, and never below a mounted store: each start job of the mount
          # starts what it wants and is not active.
          unitConfig = {
            DefaultDependencies = false;
            RequiresMountsFor = "/sysroot/nix/.ro-store /sysroot/nix/.rw-store";
            ConditionPathIsMountPoint = "!/sysroot/nix/store";
          };
          serviceConfig = {
            Type = "oneshot";
            RemainAfterExit = true;
          };
          script = ''
            ROOT=/sysroot
            ${builtins.readFile ./store-layer.sh}
          '';
        };
      };
    })
  ];
}

# The guest's store from an image of its closure, in place of the host's store.
{
  config,
  lib,
  options,
  ...
}:

let
  cfg = config.virtualisation;
  inherit (import ./priorities.nix { inherit lib; })
    mkNixvfDefault
    mkNixvfOverride
    mkUnit
    ;
in
{
  _file = "nixvf/store-image.nix";

  config = lib.mkMerge (lib.optionals (options.virtualisation ? fileSystems) [
    {
      virtualisation = {
        # An image of the closure, or else the host's store: one of them.
        useNixStoreImage = lib.mkIf (config.nixvf.store != null) (
          mkNixvfOverride (config.nixvf.store == "image")
        );
        mountHostNixStore = lib.mkIf cfg.useNixStoreImage (mkNixvfOverride false);
        # It can be written to as a shared one can; NixOS leaves that out.
        writableStore = lib.mkIf cfg.useNixStoreImage (mkNixvfDefault true);
        fileSystems."/nix/.ro-store" = lib.mkIf cfg.useNixStoreImage {
          noCheck = mkNixvfDefault true; # it is only read, and fsck.erofs would read it all at each boot
        };
      };
    }

    # An image can come in the place of the share that the system was made for, at a
    # start: nixvf.store=image on the kernel's command line.
    (lib.mkIf (!cfg.useNixStoreImage && !config.boot.initrd.systemd.enable) {
      boot.initrd.postDeviceCommands = lib.mkAfter ''
        case " $(cat /proc/cmdline) " in
          *" nixvf.store=image "*)
            # Stage 1 calls it for each file system.
            mount() {
              case "$*" in
                "$targetRoot/nix/.ro-store") (
                  ROOT=$targetRoot
                  ${builtins.readFile ./store-image.sh}
                  ) ;;
                *) command mount "$@" ;;
              esac
            }
            ;;
        esac
      '';
    })
    (lib.mkIf (!cfg.useNixStoreImage && config.boot.initrd.systemd.enable) {
      boot.initrd.systemd = {
        units."sysroot-nix-.ro\\x2dstore.mount" = {
          overrideStrategy = mkNixvfDefault "asDropin";
          text = mkNixvfDefault ''
            [Unit]
            ConditionKernelCommandLine=!nixvf.store=image
          '';
        };
        services.nixvf-store-image = mkUnit {
          description = "Image of the store";
          wantedBy = [ "sysroot-nix-.ro\\x2dstore.mount" ];
          before = [
            "sysroot-nix-.ro\\x2dstore.mount"
            "shutdown.target"
          ];
          conflicts = [ "shutdown.target" ];
          unitConfig = {
            DefaultDependencies = false;
            RequiresMountsFor = "/sysroot";
            ConditionKernelCommandLine = "nixvf.store=image";
            ConditionPathIsMountPoint = "!/sysroot/nix/.ro-store";
          };
          serviceConfig = {
            Type = "oneshot";
            RemainAfterExit = true;
          };
          script = ''
            ROOT=/sysroot
            ${builtins.readFile ./store-image.sh}
          '';
        };
      };
    })
  ]);
}

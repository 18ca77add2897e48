# The options of NixOS's qemu-vm.nix, and what it makes of those that nixvf
# builds upon.
{
  config,
  lib,
  options,
  release,
  pkgs,
  ...
}:
let
  inherit (lib) mkIf mkMerge mkOption types;
  cfg = config.virtualisation;

  option = type: default: mkOption { inherit type default; };
  ignored = option types.raw null;

  since = first: set: if builtins.compareVersions release first >= 0 then set else { };
  until = last: set: if builtins.compareVersions release last <= 0 then set else { };

  hasWritable = release == "26.11";
  virtiofs = hasWritable && cfg.host.pkgs.stdenv.hostPlatform.isLinux;
  removed = mkOption {
    type = types.raw;
    visible = false;
  };
  disk = types.submodule {
    options.size = mkOption { type = types.ints.positive; };
    options.driveConfig = option types.anything { };
  };
in
{
  options.virtualisation = {
    inherit (options) fileSystems;
    memorySize = option types.ints.positive 1024;
    diskSize = option types.ints.positive 1024;
    diskSizeAutoSupported = option types.bool true;
    diskImage = option (types.nullOr types.str) "./${config.system.name}.qcow2";
    rootDevice = option (types.nullOr types.path) "/dev/disk/by-label/nixos";
    emptyDiskImages =
      if release == "25.11" then
        option (types.listOf types.ints.positive) [ ]
      else
        option (types.listOf (types.coercedTo types.ints.positive (size: { inherit size; }) disk)) [ ];
    graphics = option types.bool true;
    resolution = option types.anything {
      x = 1024;
      y = 768;
    };
    cores = option types.ints.positive 1;
    sharedDirectories = mkOption {
      default = { };
      type = types.attrsOf (
        types.submodule {
          options = {
            source = mkOption { type = types.str; };
            target = mkOption { type = types.path; };
          }
          // (
            if hasWritable then
              { writable = option types.bool false; }
            else
              { securityModel = option types.str "mapped-xattr"; }
          );
        }
      );
    };
    additionalPaths = option (types.listOf types.path) [ ];
    forwardPorts = mkOption {
      default = [ ];
      type = types.listOf (
        types.submodule {
          options = {
            from = option (types.enum [ "host" "guest" ]) "host";
            proto = option (types.enum [ "tcp" "udp" ]) "tcp";
            host.address = option types.str "";
            host.port = mkOption { type = types.port; };
            guest.address = option types.str "";
            guest.port = mkOption { type = types.port; };
          };
        }
      );
    };
    restrictNetwork = option types.bool false;
    writableStore = option types.bool cfg.mountHostNixStore;
    writableStoreUseTmpfs = option types.bool true;
    host.pkgs = option types.raw pkgs;
    qemu = {
      package = ignored;
      options = option (types.listOf types.str) [ ];
      consoles = option (types.listOf types.str) [ ];
      networkingOptions = option (types.listOf types.str) [ ];
      drives = option (types.listOf types.anything) [ ];
      diskInterface = option types.str "virtio";
      guestAgent.enable = option types.bool true;
      virtioKeyboard = option types.bool true;
    }
    // since "26.05" {
      forceAccel = option types.bool false;
      enableSharedMemory = option types.bool virtiofs;
    };
    useNixStoreImage = option types.bool false;
    mountHostNixStore = option types.bool (!cfg.useNixStoreImage && !cfg.useBootLoader);
    directBoot.enable = option types.bool (!cfg.useBootLoader);
    directBoot.initrd = option types.str "initrd";
    useBootLoader = option types.bool false;
    installBootLoader = option types.bool (cfg.useBootLoader && cfg.useDefaultFilesystems);
    useBIOSBoot = option types.bool false;
    useEFIBoot = option types.bool false;
    efi = {
      OVMF = ignored;
      firmware = ignored;
      variables = ignored;
      keepVariables = option types.bool cfg.useBootLoader;
    };
    tpm = {
      enable = option types.bool false;
      package = ignored;
      deviceModel = option types.str "tpm-tis-device";
      provisioning = option (types.nullOr types.str) null;
    };
    useDefaultFilesystems = option types.bool true;
    bios = ignored;
    bootLoaderDevice = option types.path "/dev/disk/by-id/virtio-root";
    bootPartition = option (types.nullOr types.path) null;
    useHostCerts = option types.bool false;
  }
  // until "25.11" {
    vlans = option (types.listOf types.ints.unsigned) [ 1 ];
    interfaces = option (types.attrsOf types.anything) { };
  }
  // (if release == "26.05" then { nixStore9pCache = option types.str "loose"; } else { })
  // until "26.05" {
    msize = option types.ints.positive 16384;
    useSecureBoot = option types.bool false;
  }
  // since "26.05" { credentials = option (types.attrsOf types.anything) { }; }
  // since "26.11" {
    msize = removed;
    nixStore9pCache = removed;
    useSecureBoot = removed;
  };

  config = {
    virtualisation = {
      additionalPaths = [ config.system.build.toplevel ];
      qemu.drives = [ { file = ''"$NIX_DISK_IMAGE"''; } ]
        ++ lib.optional cfg.useNixStoreImage { file = ''"$TMPDIR"/store.img''; }
        ++ map (disk: { file = "$(pwd)/empty0.qcow2"; }) cfg.emptyDiskImages;
      diskSizeAutoSupported = false;
      qemu.options = [
        "-device virtio-keyboard"
        "-append ${config.system.build.toplevel}"
      ];
      sharedDirectories =
        let
          share =
            writable: source: target:
            { inherit source target; } // (if hasWritable then { inherit writable; } else { securityModel = "none"; });
        in
        {
          nix-store = mkIf cfg.mountHostNixStore (share false builtins.storeDir "/nix/.ro-store");
          xchg = share true ''"$TMPDIR"/xchg'' "/tmp/xchg";
          shared = share true ''"''${SHARED_DIR:-$TMPDIR/xchg}"'' "/tmp/shared";
          certs = mkIf cfg.useHostCerts (share false ''"$TMPDIR"/certs'' "/etc/ssl/certs");
        };
      fileSystems = mkMerge [
        (builtins.listToAttrs (
          lib.mapAttrsToList (
            tag: share:
            lib.nameValuePair share.target {
              device = tag;
              neededForBoot = true;
              fsType = if virtiofs then "virtiofs" else "9p";
              options = mkMerge [
                (mkIf (!virtiofs) (
                  [
                    "trans=virtio"
                    "version=9p2000.L"
                    "msize=16384"
                    "x-systemd.requires=modprobe@9pnet_virtio.service"
                  ]
                  ++ lib.optional (tag == "nix-store") "cache=loose"
                ))
                (mkIf (hasWritable && !share.writable) [ "ro" ])
              ];
            }
          ) cfg.sharedDirectories
        ))
        {
          "/" = mkIf cfg.useDefaultFilesystems (
            if cfg.diskImage == null then
              {
                device = "tmpfs";
                fsType = "tmpfs";
                options = [ "mode=755" ];
              }
            else
              {
                device = cfg.rootDevice;
                fsType = "ext4";
              }
          );
          "/nix/.ro-store" = mkIf cfg.useNixStoreImage {
            device = "/dev/disk/by-label/nix-store";
            fsType = "erofs";
            neededForBoot = true;
            options = [ "ro" ];
          };
          "/nix/store" = mkIf (cfg.useNixStoreImage || cfg.mountHostNixStore) (
            if cfg.writableStore then
              {
                overlay = {
                  lowerdir = "/nix/.ro-store";
                  upperdir = "/nix/.rw-store/upper";
                  workdir = "/nix/.rw-store/work";
                };
              }
            else
              {
                device = "/nix/.ro-store";
                fsType = "none";
                options = [ "bind" ];
              }
          );
          "/nix/.rw-store" = mkIf (cfg.writableStore && cfg.writableStoreUseTmpfs) {
            device = "tmpfs";
            fsType = "tmpfs";
            options = [ "mode=0755" ];
            neededForBoot = true;
          };
        }
      ];
    };
    fileSystems = mkIf (cfg.fileSystems != { }) (lib.mkVMOverride cfg.fileSystems);
    services.timesyncd.enable = false;
    systemd.services.register-nix-paths = {
      wantedBy = [ "sysinit.target" ];
      restartIfChanged = false;
      unitConfig.DefaultDependencies = false;
      serviceConfig.Type = "oneshot";
      serviceConfig.RemainAfterExit = true;
      script = "nix-store --load-db";
    };
    services.qemuGuest.enable = cfg.qemu.guestAgent.enable;
    networking.usePredictableInterfaceNames = false;
    boot.loader.grub.gfxmodeBios = "1024x768";
    boot.loader.supportsInitrdSecrets = lib.mkVMOverride false;
    boot.initrd.luks.devices = lib.mkVMOverride { };
    networking.dhcpcd.extraConfig = "noarp";
    # From profiles/qemu-guest.nix.
    boot.initrd.availableKernelModules = [
      "virtio_net"
      "virtio_pci"
      "virtio_mmio"
      "virtio_blk"
      "virtio_scsi"
      "9p"
      "9pnet_virtio"
    ];
    boot.initrd.kernelModules = [
      "virtio_balloon"
      "virtio_console"
      "virtio_rng"
      "virtio_gpu"
    ];
  };
}

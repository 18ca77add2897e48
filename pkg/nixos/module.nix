# nixvf's NixOS module: turns what qemu-vm.nix makes of a configuration into a VM
# whose shares are virtiofs and whose settings nixvf finds in the system's
# boot.json. It belongs into virtualisation.vmVariant, or into a configuration
# that only ever is a VM.
{
  config,
  lib,
  options,
  pkgs,
  modulesPath,
  ...
}:

let
  cfg = config.virtualisation;

  inherit (import ./priorities.nix { inherit lib; })
    mkNixvfDefault
    mkGuest
    mkNixvfOverride
    mkUnit
    ;

  # Mount options that 9p knows and virtiofs refuses (Linux, Documentation/filesystems/9p.rst).
  is9pOption =
    option:
    lib.any (prefix: lib.hasPrefix prefix option) [
      "trans="
      "version="
      "msize="
      "cache="
      "cachetag="
      "access="
      "aname="
      "uname="
      "dfltuid="
      "dfltgid="
      "debug="
      "afid="
    ]
    || lib.elem option [
      "posixacl"
      "nodevmap"
      "noxattr"
      "ignoreqv"
      "mmap"
      "x-systemd.requires=modprobe@9pnet_virtio.service"
    ];

  toVirtiofs =
    path: fs:
    let
      kept = lib.filter (option: !is9pOption option) fs.options;
      # Nothing in the guest writes there; the host's store is the host's.
      all = kept ++ lib.optional (path == "/nix/.ro-store") "ro";
    in
    if fs.fsType == "9p" || fs.fsType == "virtiofs" then
      fs
      // {
        fsType = "virtiofs";
        options = if all == [ ] then [ "defaults" ] else all;
        noCheck = true; # NixOS would look for an fsck.virtiofs
      }
    else
      fs;

  nixvfConsole = "${
    pkgs.writeShellScriptBin "nixvf-console" (builtins.readFile ./console.sh)
  }/bin/nixvf-console";

  noBootLoader = pkgs.writeShellScriptBin "nixvf-no-boot-loader" ''
    echo "nixvf: no boot loader is installed: the host boots this VM, with what nixvf-eval finds there" >&2
  '';

  rosetta = cfg.rosetta or { enable = false; };
  layerOnDisk = cfg.writableStore && !cfg.writableStoreUseTmpfs;
  database = if layerOnDisk && cfg.diskImage != null then "kept" else "fresh";
  nixEnable = config.nix.enable or true;
  # Whether this release's qemu-vm.nix loads the registration in a unit of its own.
  registersPaths = lib.hasInfix "services.register-nix-paths" (
    builtins.readFile "${modulesPath}/virtualisation/qemu-vm.nix"
  );
in
{
  _file = "nixvf/module.nix";
  # The module may come in twice: from the user's configuration and from nixvf-eval.
  key = "github.com/nixvf/nixvf#nixosModules.default";

  imports = [
    "${modulesPath}/virtualisation/qemu-vm.nix"
    ./check.nix
    ./clock.nix
    ./credentials.nix
    ./needed.nix
    ./nixvf-options.nix
    ./ssh.nix
    ./host-store.nix
    ./machine.nix
    ./mounts.nix
  ];

  # NixOS's file systems make some of their mount options themselves, and those of
  # a VM are made twice: in virtualisation.fileSystems and in fileSystems.
  options.fileSystems = lib.mkOption {
    type = lib.types.attrsOf (
      lib.types.submodule { options.options = lib.mkOption { apply = lib.unique; }; }
    );
  };

  # Without qemu-vm.nix there is nothing to set, and check.nix says so.
  config = lib.mkMerge (lib.optionals (options.virtualisation ? fileSystems) [
    {
      virtualisation = {
        # nixvf-args and nixvf-disk expand it on the host.
        diskImage = mkNixvfDefault "$NIXVF_STATE/${config.system.name}.raw";
        graphics = mkNixvfDefault false;

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

      boot.initrd.availableKernelModules = [
        "virtiofs"
        "virtio_blk"
        "virtio_pci"
        "overlay"
        "erofs"
      ];
      boot.initrd.kernelModules = [ "virtio_console" ];
      boot.kernelParams = lib.mkMerge [
        # A kernel that panics waits for ever otherwise, with a core at 100 %. First,
        # so that a panic= of the user's goes before it.
        (lib.mkBefore (
          [ "panic=5" ]
          # There is no device for a resume= of the user's, unless one is forced.
          ++ lib.optional (config.boot.resumeDevice == "") "noresume"
        ))
        # The last console= is the one that becomes /dev/console.
        (lib.mkAfter [ "console=hvc0" ])
      ];

      fileSystems = lib.mkIf (cfg.fileSystems != { }) (
        mkNixvfOverride (lib.mapAttrs toVirtiofs cfg.fileSystems)
      );

      # What `nixvf-disk --grow` has added, the next boot uses.
      virtualisation.fileSystems."/" = lib.mkIf (cfg.useDefaultFilesystems && cfg.diskImage != null) {
        # NixOS refuses it for file systems that cannot grow (tasks/filesystems.nix).
        autoResize = mkNixvfDefault (
          lib.elem cfg.fileSystems."/".fsType [
            "ext3"
            "ext4"
            "btrfs"
            "xfs"
          ]
        );
      };

      # qemu-vm.nix switches it off, since KVM keeps a guest's time; a guest on a Mac
      # that slept is late. Other time services switch it off with mkForce.
      services.timesyncd.enable = mkGuest true;
      environment.etc."systemd/timesyncd.conf.d/nixvf.conf".text = mkNixvfDefault ''
        [Time]
        PollIntervalMaxSec=64
      '';

      # macOS remembers leases by client identifier: with the MAC address as such the
      # VM keeps its address, and can be found by it.
      networking.dhcpcd.extraConfig = "clientid";
      systemd.network.networks =
        lib.mkIf (config.networking.useNetworkd && config.networking.useDHCP)
          {
            "99-ethernet-default-dhcp".dhcpV4Config.ClientIdentifier = mkGuest "mac";
          };

      # One line, since fish has it translated or runs it in a shell of its own.
      environment.loginShellInit = "if ${nixvfConsole} login; then export TERM=xterm-256color; fi";
      environment.systemPackages = [
        # The one of xterm goes before it.
        (lib.lowPrio (pkgs.writeShellScriptBin "resize" "exec ${nixvfConsole}"))
      ];

      boot.bootspec.extensions."io.github.nixvf.v1" = mkNixvfOverride config.nixvf.settings;

      # A switch of configuration in the guest runs it; NixOS's own asks for a boot loader.
      system.build.installBootLoader = mkNixvfDefault "${noBootLoader}/bin/nixvf-no-boot-loader";
    }

    (lib.mkIf (options.virtualisation ? rosetta) {
      virtualisation.rosetta.enable = mkNixvfDefault config.nixvf.rosetta;
    })
    (lib.mkIf rosetta.enable {
      # rosetta.nix sets `fileSystems.<mountPoint>`, which both overrides of
      # `fileSystems` drop.
      virtualisation.fileSystems.${rosetta.mountPoint} = {
        device = mkNixvfDefault rosetta.mountTag;
        fsType = mkNixvfDefault "virtiofs";
        options = [ "nofail" ];
      };
      # Without Rosetta on the host there is no interpreter to register.
      systemd.services.systemd-binfmt.serviceConfig.SuccessExitStatus = [ 1 ];
    })

    (lib.mkIf (config.nixvf.autologin != null) {
      services.getty.autologinUser = mkGuest config.nixvf.autologin;
    })

    # After what older releases of nixpkgs do with regInfo (postBootCommands), in the
    # place of what newer ones do (register-nix-paths), and before anything that uses
    # the database.
    (lib.mkIf nixEnable {
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
    })

    (lib.mkIf (nixEnable && registersPaths) {
      systemd.services.register-nix-paths.script = mkNixvfOverride ''
        # nixvf-nix-database has loaded it
      '';
    })

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

    # What lies above the host's store is prepared before the overlay is mounted.
    (lib.mkIf (cfg.writableStore && !config.boot.initrd.systemd.enable) {
      boot.initrd.extraUtilsCommands = "copy_bin_and_libs ${pkgs.attr}/bin/setfattr";
      boot.initrd.postMountCommands = ''
        (
        ROOT=$targetRoot
        ${builtins.readFile ./store-layer.sh}
        )
      '';
    })
    (lib.mkIf (cfg.writableStore && config.boot.initrd.systemd.enable) {
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
  ]);
}

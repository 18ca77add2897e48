{
  description = "Configurations as they are in circulation, for the checks of nixvf's module";

  inputs.nixpkgs.url = "github:NixOS/nixpkgs";

  outputs =
    { nixpkgs, ... }:
    let
      inherit (nixpkgs) lib;

      # A real machine: its disks must not be in the VM.
      machine = {
        fileSystems."/" = {
          device = "/dev/disk/by-uuid/0000";
          fsType = "btrfs";
        };
        fileSystems."/data" = {
          device = "/dev/sdb1";
          fsType = "ext4";
        };
        users.users.root.initialPassword = "";
      };
      vm = settings: { virtualisation.vmVariant = settings; };
      walkers = want: {
        nix.gc.automatic = want true;
        nix.optimise.automatic = want true;
        nix.settings.auto-optimise-store = want true;
        nix.settings.min-free = want 1000000000;
        programs.nh.clean.enable = want true;
      };

      configurations = {
        plain = [ ];
        nobody = [ { users.users.root.initialPassword = lib.mkForce null; } ];
        nobodyAtAll = [ { users.users.root.initialPassword = lib.mkForce null; } (vm { nixvf.ssh.enable = false; }) ];
        locked = [
          {
            users.users.root.initialPassword = lib.mkForce null;
            users.users.root.hashedPassword = "!";
          }
        ];
        secretPassword = [
          {
            users.users.root.initialPassword = lib.mkForce null;
            users.users.root.hashedPasswordFile = "/run/secrets-for-users/root";
          }
        ];
        storePassword = [
          {
            users.users.root.initialPassword = lib.mkForce null;
            users.users.root.hashedPasswordFile = "${builtins.storeDir}/hash";
          }
        ];
        cross = [
          {
            nixpkgs.hostPlatform = "aarch64-linux";
            nixpkgs.buildPlatform = "x86_64-linux";
          }
        ];
        # As it was before there was hostPlatform; and without that, buildPlatform says nothing.
        crossLegacy = [
          {
            nixpkgs.localSystem.system = "x86_64-linux";
            nixpkgs.crossSystem.system = "aarch64-linux";
          }
        ];
        notCross = [ { nixpkgs.buildPlatform = "x86_64-linux"; } ];
        noStage1 = [ { boot.initrd.enable = false; } ];
        wsl = [
          {
            boot.initrd.enable = false;
            boot.kernel.enable = false;
          }
        ];
        noVM = [ { disabledModules = [ "virtualisation/qemu-vm.nix" ]; } ];
        # Nobody has a password there, and somebody can log in all the same.
        keyOnly = [
          {
            users.users.root.initialPassword = lib.mkForce null;
            users.users.root.openssh.authorizedKeys.keys = [ "ssh-ed25519 AAAA" ];
          }
        ];
        autologinOnly = [
          { users.users.root.initialPassword = lib.mkForce null; }
          (vm { nixvf.autologin = "root"; })
        ];
        settings = [
          (vm {
            virtualisation = {
              memorySize = 4096;
              cores = 4;
              diskSize = 20480;
              diskImage = lib.mkDefault "./mine.qcow2";
              emptyDiskImages = [
                512
                1024
              ];
              forwardPorts = [
                {
                  host.port = 2222;
                  guest.port = 22;
                }
              ];
              sharedDirectories.project = {
                source = "$PWD";
                target = "/project";
              };
              fileSystems."/project".options = [ "noatime" ];
            };
          })
        ];
        drives = [
          (vm (
            { release, ... }:
            {
              virtualisation.emptyDiskImages = [
                512
                (
                  if release == "25.11" then
                    64
                  else
                    {
                      size = 64;
                      driveConfig.deviceExtraOpts.serial = "data";
                      driveConfig.deviceExtraOpts.logical_block_size = "4096";
                    }
                )
              ];
              virtualisation.qemu.drives = [
                {
                  file = "$PWD/own.raw";
                  deviceExtraOpts.serial = "own";
                }
                {
                  file = "/dev/disk/by-id/usb-stick";
                  driveExtraOpts.format = "raw";
                }
                { file = "./old.qcow2"; }
                {
                  file = "./system.img";
                  driveExtraOpts.readonly = "on";
                }
              ];
            }
          ))
        ];
        badDrive = [ (vm { virtualisation.qemu.drives = [ { file = "$(pwd)/own.raw"; } ]; }) ];
        badSerial = [
          (vm {
            virtualisation.qemu.drives = [
              {
                file = "./own.raw";
                deviceExtraOpts.serial = "longer-than-twenty-bytes";
              }
            ];
          })
        ];
        # A share that is read-only by the options of its mount, beside one that is not.
        readOnlyShare = [
          (vm {
            virtualisation.sharedDirectories = {
              docs = {
                source = "/docs";
                target = "/mnt/docs";
              };
              work = {
                source = "/work";
                target = "/mnt/work";
              };
            };
            virtualisation.fileSystems."/mnt/docs".options = [ "ro" ];
          })
        ];
        function = [ (vm ({ config, ... }: { virtualisation.cores = 3; })) ];
        nixvf = [
          (
            { pkgs, ... }:
            {
              virtualisation.vmVariant = { lib, ... }: {
                boot.kernelParams = [ "panic=1" ];
                services.getty.autologinUser = "root";
                nixvf = {
                  mac = "52:54:00:12:34:56";
                  vsock = [ 22 ];
                  console = "pty";
                  credentials.own.source = "~/key";
                  credentials.text.text = "said";
                };
                virtualisation.useHostCerts = true;
              };
            }
          )
        ];
        credentials = [ (vm ({ lib, options, ... }: {
          virtualisation = lib.optionalAttrs (options.virtualisation ? credentials) {
            credentials.theirs.source = "/etc/secret";
          };
        })) ];
        # The module as the user's own import, in the two places where it can be.
        imported = [ (vm ./nixvf/module.nix) ];
        topLevel = [ ./nixvf/module.nix ];
        topLevelWarned = [
          ./nixvf/module.nix
          { virtualisation.useEFIBoot = true; }
        ];
        topLevelRefused = [
          ./nixvf/module.nix
          {
            virtualisation.tpm.enable = true;
            virtualisation.useBootLoader = true;
          }
        ];
        scripted = [ { boot.initrd.systemd.enable = lib.mkForce false; } ];
        systemd = [ { boot.initrd.systemd.enable = lib.mkForce true; } ];
        noRosetta = [ (vm { virtualisation.rosetta.enable = false; }) ];
        cannotGrow = [ (vm { virtualisation.fileSystems."/".fsType = lib.mkForce "f2fs"; }) ];
        noDisk = [ (vm { virtualisation.diskImage = null; }) ];
        layerOnDisk = [ (vm { virtualisation.writableStoreUseTmpfs = false; }) ];
        readOnlyStore = [ (vm { virtualisation.writableStore = false; }) ];
        ignored = [
          (vm (
            { pkgs, ... }:
            {
              virtualisation.qemu.options = [ "-vga std" ];
              virtualisation.tpm.deviceModel = "tpm-tis";
              virtualisation.host.pkgs = pkgs;
            }
          ))
        ];
        # As in the flakes of Mac users: run-nixos-vm is then one for macOS.
        macHost = [
          (vm (
            { pkgs, ... }:
            let
              inherit (pkgs) stdenv;
              hostPlatform = stdenv.hostPlatform // {
                isLinux = false;
              };
            in
            {
              virtualisation.host.pkgs = pkgs // {
                stdenv = stdenv // {
                  inherit hostPlatform;
                };
              };
            }
          ))
        ];
        # What walks the store by itself, as real machines have it, and as one wants it in the VM.
        walkers = [ (walkers (value: value)) ];
        walkersForced = [
          (vm (walkers lib.mkForce))
          (vm { nixvf.maxHostFiles = 1000; })
        ];
        otherTime = [ { services.timesyncd.enable = lib.mkForce false; } ]; # as chrony's module has it
        networkd = [
          {
            networking.useNetworkd = true;
            systemd.network.networks."99-ethernet-default-dhcp".dhcpV4Config.ClientIdentifier = "duid";
          }
        ];
        autologin = [
          { services.getty.autologinUser = "bob"; }
          (vm { nixvf.autologin = "ann"; })
        ];
        noBound = [ (vm { nixvf.maxHostFiles = null; }) ];
        newer = [ (vm ./newer/virtualisation/qemu-vm.nix) ];
        # What would be refused, set to what asks for nothing.
        allowed = [
          (vm {
            virtualisation.directBoot.enable = true;
            virtualisation.mountHostNixStore = true;
            virtualisation.useBootLoader = false;
          })
        ];
        # What a real machine is, one thing after the other.
        guestAgent = [ { services.qemuGuest.enable = true; } ];
        otherDisks = [
          {
            boot.resumeDevice = "/dev/disk/by-partlabel/swap";
            boot.kernelParams = [ "resume=/dev/disk/by-partlabel/swap" ];
            boot.initrd.secrets."/key" = null;
            boot.initrd.secrets."/real" = "/etc/secrets/key";
            boot.initrd.secrets."/own" = ./flake.nix;
            boot.initrd.clevis.enable = true;
            boot.initrd.network.enable = true;
            boot.initrd.network.ssh.enable = true;
            boot.initrd.luks.devices.root.device = "/dev/disk/by-uuid/1111";
            boot.growPartition = true;
            boot.loader.systemd-boot.enable = true;
            boot.iscsi-initiator.name = "iqn.2020-01.org.example:root";
            boot.zfs.extraPools = [ "tank" ];
            environment.etc.crypttab.text = "data /dev/sdb2 /key";
            services.btrfs.autoScrub.enable = true;
            services.btrbk.instances.home.settings.volume."/".subvolume = "home";
            services.beesd.filesystems.root.spec = "LABEL=root";
            services.openiscsi.enableAutoLoginOut = true;
            services.sanoid.enable = true;
            services.smartd.enable = true;
            services.snapper.configs.home.SUBVOLUME = "/home";
            services.zfs.autoScrub.enable = true;
            services.zfs.autoSnapshot.enable = true;
            virtualisation.xen.enable = true;
            hardware.nvidia-container-toolkit.enable = true;
          }
        ];
        # The same things of file systems that the VM has.
        ownBtrfs = [
          {
            services.btrfs.autoScrub.enable = true;
            services.snapper.configs.home.SUBVOLUME = "/home";
            services.zfs.autoScrub.enable = true;
          }
          (vm {
            virtualisation.fileSystems."/home" = {
              device = "/dev/vdb";
              fsType = "btrfs";
            };
          })
        ];
        ownResume = [ (vm { boot.resumeDevice = lib.mkForce "/dev/vdb"; }) ];
        forced = [
          {
            boot.initrd.availableKernelModules = lib.mkForce [ "nvme" ];
            boot.initrd.kernelModules = lib.mkForce [ ];
            boot.kernelParams = lib.mkForce [ "console=ttyS0" ];
          }
        ];
        headless = [ { systemd.services."serial-getty@hvc0".enable = false; } ];
        noLogin = [ (vm { systemd.services."serial-getty@hvc0".enable = lib.mkForce false; }) ];
        forcedInVM = [ (vm { boot.kernelParams = lib.mkVMOverride [ "console=ttyS0" ]; }) ];
        rollback = [
          {
            boot.initrd.systemd.enable = lib.mkForce true;
            boot.initrd.systemd.services = {
              waits.after = [ "dev-mapper-root.device" ];
              unlocks.requires = [ "systemd-cryptsetup@root.service" ];
              mounts.script = "mount -o subvol=/ /dev/disk/by-uuid/0000 /mnt";
              own.after = [ "dev-disk-by\\x2dlabel-nixos.device" ];
              other.script = "true";
            };
          }
        ];
        # What has to do with the VM's own disks, or with no disk.
        ownStageOne = [
          (vm {
            boot.initrd.systemd.enable = lib.mkForce true;
            boot.initrd.systemd.services = {
              console.after = [ "dev-hvc0.device" ];
              console.script = "echo >/dev/pts/0 2>/dev/null";
              data.requires = [ "dev-disk-by\\x2did-virtio\\x2dmy\\x2ddata.device" ];
              empty.script = "mkfs.ext4 /dev/disk/by-id/virtio-empty0";
              first.bindsTo = [ "dev-vda.device" ];
              port.wants = [ "dev-virtio\\x2dports-agent.device" ];
              root.after = [ "dev-disk-by\\x2did-virtio\\x2droot.device" ];
            };
            virtualisation.emptyDiskImages = [ 512 ];
            virtualisation.qemu.drives = [
              {
                file = "./data.raw";
                deviceExtraOpts.serial = "my-data";
              }
            ];
          })
        ];
        # A VM with a pool of its own, that is rolled back as the real machine's is.
        ownPool = [
          {
            networking.hostId = "deadbeef";
            boot.initrd.systemd.enable = lib.mkForce true;
            boot.initrd.systemd.services.rollback = {
              after = [ "zfs-import-tank.service" ];
              # A directory that is searched for disks, as NixOS's own zfs-import-tank does, is none.
              script = "zpool import -d /dev/disk/by-id tank; zfs rollback -r tank/root@blank";
            };
          }
          (vm {
            virtualisation.fileSystems."/var/lib" = {
              device = "tank/root";
              fsType = "zfs";
            };
            boot.initrd.systemd.services.create-tank.script = "zpool create tank /dev/vdb";
            virtualisation.emptyDiskImages = [ 512 ];
          })
        ];
        otherStageOne = [
          (vm {
            boot.initrd.systemd.enable = lib.mkForce true;
            boot.initrd.systemd.services = {
              forced = {
                enable = lib.mkForce true;
                after = [ "dev-sda1.device" ];
              };
              roll.serviceConfig.ExecStart = "/bin/zfs rollback -r tank/root@blank";
              stranger.after = [ "dev-disk-by\\x2did-virtio\\x2dstranger.device" ];
              tpm.requires = [ "dev-tpmrm0.device" ];
              volume.after = [ "dev-pool-root.device" ];
              wipe.script = "mount /dev/root_vg/root /mnt 2>/dev/null";
            };
          })
        ];
        # Networks that do not know the VM's card, and some that do.
        otherCard = [
          {
            networking.useDHCP = false;
            networking.interfaces.enp3s0.useDHCP = true;
          }
        ];
        otherCardNoClient = [
          (
            { lib, ... }:
            {
              networking.useDHCP = false;
              networking.interfaces.enp3s0.useDHCP = false;
              networking.dhcpcd.enable = lib.mkForce false;
            }
          )
        ];
        otherCardNetworkd = [
          {
            networking.useNetworkd = true;
            networking.useDHCP = false;
            systemd.network.networks = {
              lan.matchConfig.Name = "en* !eth0";
              mac.matchConfig.MACAddress = "aa:bb:cc:dd:ee:ff";
              wlan.matchConfig.Type = "wlan";
            };
          }
        ];
        # As systemd takes them: some are no regular expressions, and one is open.
        oddGlobs = [
          {
            networking.useNetworkd = true;
            networking.useDHCP = false;
            systemd.network.networks = {
              a.matchConfig.Name = "eth[";
              b.matchConfig.Name = "eth{0 (eth0 eth+ *)";
              c.matchConfig.Name = "eth[9-0]";
              d.matchConfig.Name = "[^e]*";
            };
          }
        ];
        sameCardGlobs = [
          {
            networking.useNetworkd = true;
            networking.useDHCP = false;
            systemd.network.networks.a.matchConfig.Name = "en( et[a-h][[:digit:]]";
          }
        ];
        sameCard = [
          {
            networking.useDHCP = false;
            networking.interfaces.eth0.ipv4.addresses = [ ];
          }
        ];
        bridged = [
          {
            networking.useDHCP = false;
            networking.bridges.br0.interfaces = [ "eth0" ];
          }
        ];
        sameCardNetworkd = [
          {
            networking.useNetworkd = true;
            networking.useDHCP = false;
            systemd.network.networks.lan.matchConfig.Name = [
              "en*"
              "eth?"
            ];
          }
        ];
        networkManager = [
          {
            networking.useDHCP = false;
            networking.networkmanager.enable = true;
          }
        ];
        noHostStore = [ (vm { virtualisation.mountHostNixStore = false; }) ];
        noDirectBoot = [ (vm { virtualisation.directBoot.enable = false; }) ];
        useBootLoader = [ (vm { virtualisation.useBootLoader = true; }) ];
        useEFIBoot = [ (vm { virtualisation.useEFIBoot = true; }) ];
        useNixStoreImage = [ (vm { virtualisation.useNixStoreImage = true; }) ];
        storeOption = [ (vm { nixvf.store = "image"; }) ];
        storeShared = [
          (vm {
            virtualisation.useNixStoreImage = true;
            nixvf.store = "share";
          })
        ];
        storeImageOnly = [
          (vm {
            virtualisation.useNixStoreImage = true;
            virtualisation.mountHostNixStore = false;
          })
        ];
        nothingAsked = [
          (vm {
            virtualisation.useEFIBoot = false;
            virtualisation.useNixStoreImage = false;
            virtualisation.qemu.guestAgent.enable = false;
          })
        ];
        tpm = [ (vm { virtualisation.tpm.enable = true; }) ];
        ownDisks = [ (vm { virtualisation.fileSystems = lib.mkForce { }; }) ];
        container = [ { boot.isContainer = true; } ];
        # As images of containers have it, with what nixvf says of them.
        containerInVM = [
          {
            boot.isContainer = true;
            system.build.installBootLoader = "/bin/true";
          }
          (vm { boot.isContainer = lib.mkForce false; })
        ];
        twoRefusals = [
          (vm {
            virtualisation.tpm.enable = true;
            virtualisation.useBootLoader = true;
          })
        ];
      };
    in
    {
      nixosConfigurations = builtins.listToAttrs (
        builtins.concatMap (
          release:
          map (name: {
            name = "${name}-${release}";
            value = lib.nixosSystem {
              system = "aarch64-linux";
              modules = [ machine ] ++ configurations.${name};
              specialArgs = { inherit release; };
            };
          }) (builtins.attrNames configurations)
        ) [
          "25.11"
          "26.05"
          "26.11"
        ]
      );
    };
}

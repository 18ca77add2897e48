# What of NixOS is in the guest: both stages of its boot, in the order and by the names that NixOS's have, for whatever
# the configuration's options are.
{
  config,
  lib,
  parts,
  ...
}:
let
  inherit (parts) run root;
  units = import ./units.nix { inherit lib; };
  out = builtins.placeholder "out";

  imap0 = f: list: builtins.genList (i: f i (builtins.elemAt list i)) (builtins.length list);

  # tree NAME FILES: a store path that holds them.
  tree =
    name: files:
    let
      names = builtins.attrNames files;
      env = builtins.listToAttrs (
        imap0 (i: file: lib.nameValuePair "text${toString i}" (files.${file}.text or "")) names
      );
    in
    run name env ''
      mkdir $out
      cd $out
      ${builtins.concatStringsSep "\n" (
        imap0 (i: file: ''
          mkdir -p "$(dirname '${file}')"
          ${
            if files.${file} ? link then
              "ln -s ${files.${file}.link} '${file}'"
            else
              ''printf %s "$text${toString i}" >'${file}'; chmod ${
                if lib.hasPrefix "scripts/" file then "755" else "644"
              } '${file}' ''
          }
        '') names
      )}
    '';

  # As in nixos/modules/tasks/filesystems.nix.
  fstab =
    keep:
    builtins.concatStringsSep "" (
      map (fs: ''
        ${fs.device} ${fs.mountPoint} ${fs.fsType} ${builtins.concatStringsSep "," fs.options} 0 ${
          if fs.noCheck || fs.fsType != "ext4" then "0" else "1"
        }
      '') (lib.filter keep config.system.build.fileSystems)
    );
  # What is here and matters, which is little: a kernel has a hundred terminals besides.
  coldplug = {
    "system/systemd-udev-trigger.service.d/guest.conf".text = ''
      [Service]
      ExecStart=
      ExecStart=-udevadm trigger --action=add --subsystem-match=block --subsystem-match=misc --subsystem-match=pci --subsystem-match=virtio --subsystem-match=net
      ExecStart=-udevadm trigger --action=add --subsystem-match=tty --sysname-match=hvc*
    '';
  };
  # An emulated guest on a busy host is slow.
  patient = ''
    [Manager]
    DefaultTimeoutStartSec=900
    DefaultDeviceTimeoutSec=900
  '';
  inInitrd = fs: lib.elem "x-initrd.mount" fs.options;

  stage1 = tree "stage-1" (
    units.services config.boot.initrd.systemd.services
    // lib.mapAttrs' (name: unit: lib.nameValuePair "system/${name}.d/overrides.conf" { inherit (unit) text; }) config.boot.initrd.systemd.units
    // coldplug
    // {
      "system/sysroot-run.mount".text = ''
        [Unit]
        DefaultDependencies=false
        Before=initrd-fs.target
        [Mount]
        Where=/sysroot/run
        What=/run
        Options=rbind
      '';
      "system/initrd-fs.target.requires/sysroot-run.mount".link = "../sysroot-run.mount";
      "system/initrd-parse-etc.service.d/nixos.conf".text = ''
        [Service]
        Environment=SYSTEMD_SYSROOT_FSTAB=/etc/sysroot-fstab
      '';
      "system/initrd-switch-root.service.d/nixos.conf".text = ''
        [Service]
        ExecStart=
        ExecStart=systemctl --no-block switch-root /sysroot ""
      '';
      # Whoever reads the console sees why.
      "system/emergency.service.d/guest.conf".text = ''
        [Service]
        ExecStartPre=-/bin/sh -c '{ journalctl -b -o cat --no-pager _PID=1 -p notice; systemctl list-jobs --no-pager; } >/dev/hvc0'
      '';
      "system.conf".text = ''
        ${patient}
        DefaultEnvironment=PATH=/bin:/sbin
        ManagerEnvironment=PATH=/bin:/sbin SYSTEMD_SYSROOT_FSTAB=/etc/sysroot-fstab
      '';
      "sysroot-fstab".text = fstab inInitrd;
      modules.text = toString config.boot.initrd.kernelModules;
      available.text = toString config.boot.initrd.availableKernelModules;
      extraBin.text = builtins.concatStringsSep "" (
        lib.mapAttrsToList (name: target: "${name} ${target}\n") config.boot.initrd.systemd.extraBin
      );
    }
  );

  initrd = run "initrd" { } ''
    sh ${./make-initrd} ${root} ${stage1} ${parts.modules} ${./stage-1-units}
  '';

  etcSystemd = tree "etc-systemd" (
    units.services config.systemd.services
    // units.sockets config.systemd.sockets
    // coldplug
    # What Debian has and NixOS has not, or makes itself, and what nothing here needs.
    // lib.genAttrs (map (name: "system/${name}") [
      "cryptsetup.target"
      "dev-hugepages.mount"
      "dev-mqueue.mount"
      "integritysetup.target"
      "ldconfig.service"
      "modprobe@configfs.service"
      "modprobe@dm_mod.service"
      "modprobe@drm.service"
      "modprobe@loop.service"
      "proc-sys-fs-binfmt_misc.automount"
      "sys-fs-fuse-connections.mount"
      "sys-kernel-config.mount"
      "sys-kernel-debug.mount"
      "sys-kernel-tracing.mount"
      "systemd-ask-password-console.path"
      "systemd-ask-password-wall.path"
      "systemd-firstboot.service"
      "systemd-journal-flush.service"
      "systemd-logind.service"
      "systemd-pcrphase-sysinit.service"
      "systemd-pcrphase.service"
      "systemd-random-seed.service"
      "systemd-sysusers.service"
      "systemd-tmpfiles-clean.timer"
      "systemd-update-utmp-runlevel.service"
      "systemd-update-utmp.service"
      "systemd-user-sessions.service"
      "tmp.mount"
      "veritysetup.target"
    ]) (_: { link = "/dev/null"; })
    // {
      "fstab".text = fstab (_: true);
      "udev-rules".text = config.services.udev.extraRules;
      # NixOS's systemd leaves it mounted until it runs from the shutdown ramfs.
      "system/nix-store.mount.d/nixos.conf".text = ''
        [Unit]
        DefaultDependencies=false
      '';
      "system.conf".text = patient;
      "once".text = builtins.concatStringsSep "" (map (name: "${name}.service\n") oneshots);
      "running".text = builtins.concatStringsSep "" (
        map (name: "${name}.service\n") (
          lib.filter (name: !(lib.elem name oneshots)) (nixvfs config.systemd.services)
        )
      );
    }
  );
  # But for the one that only runs when the host says so, and those of connections.
  nixvfs =
    services:
    lib.filter (name: lib.hasPrefix "nixvf-" name && name != "nixvf-store-image" && !(lib.hasSuffix "@" name)) (
      builtins.attrNames services
    );
  isOneshot = service: service.serviceConfig.Type or "" == "oneshot";
  oneshots = builtins.concatMap (
    services: lib.filter (name: isOneshot services.${name}) (nixvfs services)
  ) [ config.boot.initrd.systemd.services config.systemd.services ];

  # NixOS had no such parameter before systemd knew it (v254).
  kernelParams = lib.filter (
    param: param != "root=fstab" || builtins.compareVersions parts.version "254" >= 0
  ) config.boot.kernelParams;

  bootJson = {
    "org.nixos.bootspec.v1" = {
      inherit kernelParams;
      system = "x86_64-linux";
      init = "${out}/init";
      initrd = "${initrd}/initrd";
      kernel = "${parts.kernel}/bzImage";
      label = "nixvf systemd guest";
      toplevel = out;
    };
  }
  // config.boot.bootspec.extensions;
in
{
  boot.initrd.kernelModules = [
    "autofs4"
    "button"
    "evdev"
    "virtio_net" # NixOS has it from qemu-guest.nix
  ];
  boot.initrd.systemd.services = {
    # As overlayfs.nix has it.
    rw-sysroot-nix-store = lib.mkIf config.virtualisation.writableStore {
      requiredBy = [ "sysroot-nix-store.mount" ];
      before = [ "sysroot-nix-store.mount" ];
      unitConfig.DefaultDependencies = false;
      unitConfig.RequiresMountsFor = "/sysroot/nix/.rw-store/upper /sysroot/nix/.rw-store/work";
      serviceConfig.Type = "oneshot";
      script = "mkdir -p -m 0755 /sysroot/nix/.rw-store/upper /sysroot/nix/.rw-store/work";
    };
    # As initrd.nix has them.
    initrd-find-nixos-closure = {
      requiredBy = [ "initrd.target" ];
      before = [
        "initrd.target"
        "shutdown.target"
      ];
      conflicts = [ "shutdown.target" ];
      unitConfig.RequiresMountsFor = "/sysroot/nix/store";
      unitConfig.DefaultDependencies = false;
      serviceConfig.Type = "oneshot";
      serviceConfig.RemainAfterExit = true;
      script = ''
        for word in $(cat /proc/cmdline); do
          case $word in init=*) closure=''${word#init=} ;; esac
        done
        ln -s "$(dirname "$closure")" /nixos-closure
        [ -x "/sysroot$closure" ]
      '';
    };
    initrd-nixos-activation = {
      requiredBy = [ "initrd-switch-root.service" ];
      after = [ "initrd-switch-root.target" ];
      before = [ "initrd-switch-root.service" ];
      unitConfig.DefaultDependencies = false;
      unitConfig.RequiresMountsFor = "/sysroot/run";
      serviceConfig.Type = "oneshot";
      # Nothing of the new root is there yet.
      script = ''exec chroot /sysroot ${parts.busybox}/busybox sh "$(readlink /nixos-closure)/prepare-root"'';
    };
  };

  systemd.services = {
    # As qemu-vm.nix has it.
    register-nix-paths = {
      wantedBy = [ "sysinit.target" ];
      after = [ "local-fs.target" ];
      before = [
        "sysinit.target"
        "shutdown.target"
      ];
      conflicts = [ "shutdown.target" ];
      restartIfChanged = false;
      unitConfig.DefaultDependencies = false;
      serviceConfig.Type = "oneshot";
      serviceConfig.RemainAfterExit = true;
      path = [ config.nix.package ];
      script = ''
        for word in $(cat /proc/cmdline); do
          case $word in regInfo=*) nix-store --load-db <"''${word#regInfo=}" ;; esac
        done
      '';
    };
    # As shutdown.nix has it: what unmounts the store does not run from there.
    generate-shutdown-ramfs = {
      wantedBy = [ "shutdown.target" ];
      before = [ "shutdown.target" ];
      unitConfig.DefaultDependencies = false;
      serviceConfig.Type = "oneshot";
      script = ''
        program=/usr/lib/systemd/systemd-shutdown
        mkdir -p /run/initramfs && cd /run/initramfs
        cp -L --parents $(LD_TRACE_LOADED_OBJECTS=1 $program | grep -o '/[^ ]*') .
        cp $program shutdown
        mkdir etc && cp /etc/os-release etc && cp etc/os-release etc/initrd-release # by which it knows where it runs
      '';
    };
    guest-check = {
      wantedBy = [ "multi-user.target" ];
      # It goes on in emergency mode, where there is no sysinit.target.
      after = [ "basic.target" ];
      before = [ "shutdown.target" ];
      conflicts = [ "shutdown.target" ];
      unitConfig.DefaultDependencies = false;
      unitConfig.IgnoreOnIsolate = true;
      serviceConfig.Type = "simple";
      path = [ config.nix.package ];
      serviceConfig.LoadCredential = "secret";
      script = "exec bash ${./check}";
    };
  };

  users.users.root.initialPassword = "";
  virtualisation.vmVariant.nixvf.credentials.secret.source = "$DOCS/secret";
  virtualisation.vmVariant.virtualisation = {
    cores = 2;
    memorySize = 1024;
    additionalPaths = parts.trees;
    # Read-only by the options of its mount.
    sharedDirectories.docs = {
      source = "$DOCS";
      target = "/mnt/docs";
    };
    fileSystems."/mnt/docs".options = [ "ro" ];
  };

  system.build.toplevel =
    run "nixos-system-${config.system.name}"
      {
        boot = builtins.toJSON bootJson;
        params = toString kernelParams;
        fails = builtins.pathExists ./fails; # the activation of this system does
        trees = builtins.unsafeDiscardStringContext (toString parts.trees);
      }
      ''
        mkdir $out
        ln -s ${parts.kernel}/bzImage $out/kernel
        ln -s ${initrd}/initrd $out/initrd
        echo -n "$params" >$out/kernel-params
        echo -n x86_64-linux >$out/system
        echo "$boot" >$out/boot.json
        echo "$trees" >$out/trees
        cp ${./names} $out/names
        ln -s ${etcSystemd} $out/etc-systemd
        echo ${parts.version} >$out/systemd-version
        mkdir -p $out/sw/bin $out/bin
        printf '#!/bin/sh\nexec ${config.nix.package}/bin/nix-store "$@"\n' >$out/sw/bin/nix-store
        chmod +x $out/sw/bin/nix-store
        cp ${./check} $out/check
        sed "s|@toplevel@|$out|g" ${./switch-to-configuration} >$out/bin/switch-to-configuration
        chmod +x $out/bin/switch-to-configuration
        [ -z "$fails" ] || touch $out/fails
        sed "s|@toplevel@|$out|g; s|@root@|${root}|g; s|@busybox@|${parts.busybox}|g" ${./prepare-root} >$out/prepare-root
        printf '#!/bin/sh\nexec /usr/lib/systemd/systemd\n' >$out/init
        chmod +x $out/init
      '';
}

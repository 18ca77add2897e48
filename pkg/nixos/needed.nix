# What the VM cannot do without, looked up in what the configuration has come to.
# Where it is missing, because the configuration forces other values, the wrapper
# flake evaluates it once more with the modules in nixvf.needed.
{
  config,
  lib,
  ...
}:

let
  inherit (import ./priorities.nix { inherit lib; }) mkNixvfOverride;
  inherit (config.boot) initrd;
  missing = have: lib.filter (name: !(lib.elem name have));

  # In the initrd, as modprobe knows them.
  driversOf = {
    btrfs = [ "btrfs" ];
    erofs = [ "erofs" ];
    ext4 = [ "ext4" ];
    f2fs = [ "f2fs" ];
    xfs = [ "xfs" ];
  };
  drivers = [
    "overlay"
    "virtio_blk"
    "virtio_console"
    "virtio_pci"
    "virtiofs"
  ]
  ++ driversOf.${config.fileSystems."/".fsType or ""} or [ ];
  missingDrivers = missing (initrd.availableKernelModules ++ initrd.kernelModules) drivers;

  given = config.boot.kernelParams;
  has = start: lib.any (lib.hasPrefix start) given;
  root = initrd.systemd.root or "fstab";
  missingParams =
    lib.optional (initrd.systemd.enable && root != null && !(has "root=")) "root=${toString root}"
    ++ lib.optional (!(has "panic=")) "panic=5"
    ++ missing given [
      "noresume"
      "console=hvc0"
    ];

  # profiles/headless.nix switches it off, and other profiles import that.
  units = config.systemd.services;
  offGettys = lib.filter (name: !(units.${name}.enable or true)) [
    "serial-getty@"
    "serial-getty@hvc0"
  ];

  # A service of stage 1 that works on disks which the VM has not, as those do that
  # roll a root file system back: it would wait for them, or fail.
  fileSystems = lib.attrValues config.fileSystems;
  ownDisks = map (fs: toString fs.device) fileSystems;
  ownTypes = map (fs: fs.fsType) fileSystems;
  # As systemd.unit(5) has it: /dev/disk/by-label/nixos is dev-disk-by\x2dlabel-nixos.device.
  unitOf =
    path: builtins.replaceStrings [ "-" "/" ] [ "\\x2d" "-" ] (lib.removePrefix "/" path) + ".device";
  isOthersUnit =
    unit:
    lib.hasPrefix "systemd-cryptsetup@" unit && initrd.luks.devices == { }
    || lib.hasPrefix "zfs-import" unit && !(lib.elem "zfs" ownTypes)
    || lib.hasPrefix "dev-" unit && lib.hasSuffix ".device" unit && !(lib.elem unit (map unitOf ownDisks));
  isOthersScript =
    script:
    lib.any (device: lib.hasInfix device script) [
      "/dev/disk/by-"
      "/dev/mapper/"
      "/dev/nvme"
      "/dev/sd"
      "zfs rollback"
    ]
    && !(lib.any (disk: lib.hasPrefix "/dev/" disk && lib.hasInfix disk script) ownDisks);
  isOthers =
    service:
    service.enable or true
    && (
      lib.any isOthersUnit (
        lib.concatMap (name: service.${name} or [ ]) [
          "after"
          "bindsTo"
          "requires"
          "wants"
        ]
      )
      || isOthersScript (service.script or "")
    );
  stage1 = if initrd.systemd.enable then initrd.systemd.services else { };
  others = lib.filter (name: isOthers stage1.${name}) (lib.attrNames stage1);

  network = import ./network.nix { inherit config lib; };

  need = condition: module: lib.optional condition module;
  # A module that the user is told of.
  say = note: module: module // { nixvf.notes = [ note ]; };
in
{
  _file = "nixvf/needed.nix";

  options.nixvf.needed = lib.mkOption {
    type = lib.types.listOf lib.types.raw;
    internal = true;
    readOnly = true;
    description = "Modules that give the VM what the configuration takes from it.";
  };

  options.nixvf.notes = lib.mkOption {
    type = lib.types.listOf lib.types.str;
    default = [ ];
    internal = true;
    description = "What the user is told of these modules.";
  };

  config.nixvf.needed =
    need (missingDrivers != [ ]) {
      boot.initrd.availableKernelModules = mkNixvfOverride (
        initrd.availableKernelModules ++ missingDrivers
      );
    }
    ++ need (missingParams != [ ]) {
      boot.kernelParams = mkNixvfOverride (given ++ missingParams);
    }
    ++ map (name: {
      systemd.services.${name} = {
        enable = mkNixvfOverride true;
        overrideStrategy = mkNixvfOverride "asDropin";
      };
    }) offGettys
    ++ map (
      name:
      say "boot.initrd.systemd.services.${name} does not run in the VM: it is about disks of the real machine" {
        boot.initrd.systemd.services.${name}.enable = mkNixvfOverride false;
      }
    ) others
    ++ map (say network.note) network.modules;
}

# What the VM cannot do without, looked up in what the configuration has come to.
# Where it is missing, because the configuration forces other values, the wrapper
# flake evaluates it once more with the modules in nixvf.needed.
{
  config,
  lib,
  ...
}:

let
  inherit (import ./priorities.nix { inherit lib; }) mkGuest mkNeeded;
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
    "erofs"
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
    ++ missing given (lib.optional (config.boot.resumeDevice == "") "noresume" ++ [ "console=hvc0" ]);

  # profiles/headless.nix switches it off, and other profiles import that. A VM
  # without it runs: whoever forces it off has none.
  units = config.systemd.services;
  offGettys = lib.filter (name: !(units.${name}.enable or true)) [
    "serial-getty@"
    "serial-getty@hvc0"
  ];

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
      boot.initrd.availableKernelModules = mkNeeded (
        initrd.availableKernelModules ++ missingDrivers
      );
    }
    ++ need (missingParams != [ ]) {
      boot.kernelParams = mkNeeded (given ++ missingParams);
    }
    ++ map (name: {
      systemd.services.${name} = {
        enable = mkGuest true;
        overrideStrategy = mkGuest "asDropin";
      };
    }) offGettys
    ++ import ./stage1.nix { inherit config lib; }
    ++ map (say network.note) network.modules;
}

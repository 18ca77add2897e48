# The services of a systemd stage 1 that work on disks which the VM has not, as
# those do that roll a root file system back: they would wait for them, or fail.
{ config, lib }:

let
  inherit (import ./priorities.nix { inherit lib; }) mkGuest;
  inherit (config.boot) initrd;
  inherit (config.nixvf) settings;
  fileSystems = lib.attrValues config.fileSystems;

  # The VM's disks by their serial numbers; those without one have the names that
  # nixvf-args gives them.
  serials = [
    "root"
  ]
  ++ lib.imap0 (
    i: disk: disk.driveConfig.deviceExtraOpts.serial or "empty${toString i}"
  ) settings.emptyDiskImages
  ++ lib.concatMap (
    drive: lib.optional (drive ? deviceExtraOpts) drive.deviceExtraOpts.serial
  ) settings.qemu.drives;

  ownDisks =
    lib.filter (lib.hasPrefix "/dev/") (
      map (fs: toString fs.device) fileSystems ++ map (swap: swap.device) (config.swapDevices or [ ])
    )
    ++ [
      "/dev/disk/by-label/nixos"
      "/dev/disk/by-label/nix-store"
    ]
    ++ map (serial: "/dev/disk/by-id/virtio-${serial}") serials;
  isOwn = path: lib.elem path ownDisks || lib.hasPrefix "/dev/vd" path;

  # As systemd.unit(5) has it: /dev/disk/by-label/nixos is dev-disk-by\x2dlabel-nixos.device.
  pathOf =
    unit:
    "/"
    + builtins.replaceStrings
      [ "\\x20" "\\x2b" "\\x2c" "\\x2d" "\\x3d" "\\x40" "-" ]
      [ " " "+" "," "-" "=" "@" "/" ]
      (lib.removeSuffix ".device" unit);

  # A directory below /dev is one of disks (mapper, disk, a volume group), but for
  # these.
  isDisk =
    path:
    let
      parts = lib.splitString "/" path;
    in
    builtins.match "/dev/(bcache|dm-|gpt-auto-|hd|md|mmcblk|nbd|nvme|rbd|sd|sr|xvd|zd)[^/]*" path != null
    ||
      lib.length parts > 3
      # A directory of them is none.
      && builtins.match "/dev/disk/by-[a-z]+/?" path == null
      && !(lib.elem (lib.elemAt parts 2) [
        "bus"
        "char"
        "dri"
        "fd"
        "hugepages"
        "input"
        "mqueue"
        "net"
        "pts"
        "serial"
        "shm"
        "snd"
        "v4l"
        "virtio-ports"
      ]);
  # Nor has it a TPM.
  isOthers =
    path: isDisk path && !(isOwn path) || builtins.match "/dev/tpm(rm)?[0-9]+" path != null;

  types = map (fs: fs.fsType) fileSystems;
  isOthersUnit =
    unit:
    lib.hasPrefix "systemd-cryptsetup@" unit && initrd.luks.devices == { }
    || lib.hasPrefix "zfs-import" unit && !(lib.elem "zfs" types)
    || lib.hasPrefix "dev-" unit && lib.hasSuffix ".device" unit && isOthers (pathOf unit);
  namesOthers =
    text:
    let
      devices = lib.filter lib.isList (builtins.split "(/dev/[A-Za-z0-9_./:@+-]+)" text);
      paths = lib.concatLists devices;
    in
    lib.hasInfix "zfs rollback" text && !(lib.elem "zfs" types)
    || lib.any isOthers paths && !(lib.any isOwn paths);

  isOut =
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
      || namesOthers (service.script or "")
      || namesOthers (toString (service.serviceConfig.ExecStart or ""))
    );
  services = if initrd.systemd.enable then initrd.systemd.services else { };
in
# A configuration can have the service all the same, with mkForce.
map (
  name:
  { config, ... }:
  {
    boot.initrd.systemd.services.${name}.enable = mkGuest false;
    nixvf.notes = lib.mkIf (!config.boot.initrd.systemd.services.${name}.enable) [
      "boot.initrd.systemd.services.${name} does not run in the VM: it is about devices of the real machine"
    ];
  }
) (lib.filter (name: isOut services.${name}) (lib.attrNames services))

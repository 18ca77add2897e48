# The user's own disks, virtualisation.qemu.drives: which of them nixvf can attach,
# and what it leaves out of a disk's options.
{ config, lib }:

let
  all = config.virtualisation.qemu.drives;
  # What qemu-vm.nix adds itself.
  isNixos =
    drive:
    lib.elem drive.file [
      ''"$NIX_DISK_IMAGE"''
      ''"$TMPDIR"/store.img''
    ]
    || lib.hasPrefix "$(pwd)/empty" drive.file;
  own = lib.filter (drive: !(isNixos drive)) all;

  # An image that is not to be written must not become one that can be.
  mayBeWritten =
    drive:
    let
      opts = drive.driveExtraOpts or { };
    in
    (opts.readonly or opts.read-only or "off") == "off" && (opts.snapshot or "off") == "off";
  isRaw =
    drive:
    mayBeWritten drive
    && (
      let
        format = drive.driveExtraOpts.format or null;
      in
      format == "raw" || format == null && (lib.hasSuffix ".raw" drive.file || lib.hasSuffix ".img" drive.file)
    );

  # They are about QEMU's own ways to read a file, and about the order in which a
  # firmware looks at disks.
  known = {
    deviceExtraOpts = [
      "bootindex"
      "serial"
    ];
    driveExtraOpts = [
      "aio"
      "cache"
      "discard"
      "format"
      "werror"
    ];
  };
  left =
    drive:
    lib.concatMap (
      kind:
      map (name: "${kind}.${name}") (
        lib.filter (name: !(lib.elem name known.${kind})) (lib.attrNames (drive.${kind} or { }))
      )
    ) (lib.attrNames known);
  empty = map (disk: if lib.isAttrs disk then disk.driveConfig or { } else { }) config.virtualisation.emptyDiskImages;
  say = name: drive: map (option: "${name}: ${option} has no effect: it configures QEMU alone") (left drive);
in
{
  inherit own isRaw;
  warnings =
    map (
      drive:
      "virtualisation.qemu.drives: ${drive.file} is not attached: only raw images are (driveExtraOpts.format = \"raw\"), and not read-only"
    ) (lib.filter (drive: !(isRaw drive)) own)
    ++ lib.concatMap (say "virtualisation.qemu.drives") (lib.filter isRaw own)
    ++ lib.concatMap (say "virtualisation.emptyDiskImages") empty;
}

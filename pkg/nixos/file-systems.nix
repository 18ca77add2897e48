# What the VM mounts: qemu-vm.nix's shares as virtiofs, and a root that grows with
# its disk.
{
  config,
  lib,
  options,
  ...
}:

let
  cfg = config.virtualisation;

  inherit (import ./priorities.nix { inherit lib; }) mkNixvfDefault mkNixvfOverride;

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
in
{
  _file = "nixvf/file-systems.nix";

  # NixOS's file systems make some of their mount options themselves, and those of
  # a VM are made twice: in virtualisation.fileSystems and in fileSystems.
  options.fileSystems = lib.mkOption {
    type = lib.types.attrsOf (
      lib.types.submodule { options.options = lib.mkOption { apply = lib.unique; }; }
    );
  };

  config = lib.optionalAttrs (options.virtualisation ? fileSystems) {
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
  };
}

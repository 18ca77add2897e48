# nixvf's NixOS module: turns what qemu-vm.nix makes of a configuration into a VM
# whose shares are virtiofs and whose settings nixvf finds in the system's
# boot.json. It belongs into virtualisation.vmVariant, on top of qemu-vm.nix.
{
  config,
  lib,
  pkgs,
  ...
}:

let
  cfg = config.virtualisation;

  # Stronger than an option's own default (1500), weaker than a user's mkDefault (1000).
  mkNixvfDefault = lib.mkOverride 1400;
  # One stronger than mkVMOverride (10), with which qemu-vm.nix sets `fileSystems`.
  mkNixvfOverride = lib.mkOverride 9;

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
      # The submodule adds it again.
      "x-initrd.mount"
    ];

  toVirtiofs =
    fs:
    let
      options = lib.unique (lib.filter (option: !is9pOption option) fs.options);
    in
    if fs.fsType == "9p" || fs.fsType == "virtiofs" then
      fs
      // {
        fsType = "virtiofs";
        options = if options == [ ] then [ "defaults" ] else options;
        noCheck = true; # NixOS would look for an fsck.virtiofs
      }
    else
      fs;

  rosetta = cfg.rosetta or { enable = false; };
in
{
  # The module may come in twice: from the user's configuration and from nixvf-eval.
  key = "github.com/nixvf/nixvf#nixosModules.default";

  options.nixvf.settings = lib.mkOption {
    type = lib.types.attrsOf lib.types.anything;
    readOnly = true;
    description = ''
      The VM's settings as nixvf reads them from the system's `boot.json`, under
      the names and in the units of the `virtualisation` options that they come from.
    '';
  };

  config = lib.mkMerge [
    {
      virtualisation = {
        # nixvf-args and nixvf-disk expand it on the host.
        diskImage = mkNixvfDefault "$NIXVF_STATE/${config.system.name}.raw";
        graphics = mkNixvfDefault false;
        qemu.guestAgent.enable = mkNixvfDefault false;
      };

      boot.initrd.availableKernelModules = [
        "virtiofs"
        "virtio_blk"
        "virtio_pci"
        "overlay"
      ];
      boot.initrd.kernelModules = [ "virtio_console" ];
      # The last console= is the one that becomes /dev/console.
      boot.kernelParams = lib.mkAfter [ "console=hvc0" ];

      fileSystems = lib.mkIf (cfg.fileSystems != { }) (
        mkNixvfOverride (lib.mapAttrs (_: toVirtiofs) cfg.fileSystems)
      );

      # What `nixvf-disk --grow` has added, the next boot uses.
      virtualisation.fileSystems."/" = lib.mkIf (cfg.useDefaultFilesystems && cfg.diskImage != null) {
        autoResize = mkNixvfDefault true;
      };

      boot.bootspec.extensions."io.github.nixvf.v1" = config.nixvf.settings;
      nixvf.settings = {
        inherit (cfg)
          cores
          memorySize
          diskImage
          diskSize
          useDefaultFilesystems
          graphics
          resolution
          writableStore
          restrictNetwork
          ;
        # Plain numbers until 26.05, { size; driveConfig; } since.
        emptyDiskImages = map (disk: if lib.isInt disk then disk else disk.size) cfg.emptyDiskImages;
        forwardPorts = map (port: {
          inherit (port) from proto;
          host = { inherit (port.host) address port; };
          guest = { inherit (port.guest) address port; };
        }) cfg.forwardPorts;
        sharedDirectories = lib.mapAttrs (tag: share: {
          inherit (share) source target;
          # Before 26.11 there is no such option and all shares are writable. The
          # host's store never is.
          writable = tag != "nix-store" && share.writable or true;
        }) cfg.sharedDirectories;
        rosetta = {
          enable = rosetta.enable;
          mountTag = rosetta.mountTag or "rosetta";
        };
      };
    }
    (lib.mkIf rosetta.enable {
      # rosetta.nix sets `fileSystems.<mountPoint>`, which both overrides of
      # `fileSystems` drop.
      virtualisation.fileSystems.${rosetta.mountPoint} = {
        device = rosetta.mountTag;
        fsType = "virtiofs";
        options = [ "nofail" ];
      };
    })
  ];
}

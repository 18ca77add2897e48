# What becomes of each virtualisation.* option of nixpkgs' qemu-vm.nix, in the
# releases 25.11, 26.05 and in nixpkgs of autumn 2026: the module acts by it, and
# OPTIONS.md is made from it.
#
#   honoured  nixvf does what the option says
#   ignored   it has no effect; whoever sets it is warned, but for values that ask for
#             nothing (allowed)
#   refused   such a VM cannot run; note says what to do instead. Values that ask
#             for nothing (allowed, when given, else false, null, { } and [ ]) pass.
let
  honoured = note: {
    fate = "honoured";
    inherit note;
  };
  ignored = note: {
    fate = "ignored";
    inherit note;
  };
  refused = note: {
    fate = "refused";
    inherit note;
  };

  # Whoever sets it to false asks for nothing.
  off.allowed = [ false ];

  qemuOnly = "it configures QEMU alone";
  noFirmware = "nixvf boots the kernel directly, without firmware";
  oneCard = "the VM has one network card";
  about9p = "it configures 9p, and shares are virtiofs";
in
{
  additionalPaths = honoured "built, kept from garbage collection, and registered in the guest's Nix database";
  cores = honoured "";
  credentials = honoured "read on the host when the VM starts; `mechanism` has no effect; `$VARIABLES` in `source` are expanded";
  diskImage = honoured "default: `$NIXVF_STATE/<name>.raw`, in the VM's state directory; a `.qcow2` becomes a `.raw` beside it";
  diskSize = honoured "in MiB";
  emptyDiskImages = honoured "sizes in MiB; `driveConfig.deviceExtraOpts.serial`, of at most 20 bytes, names the disk `/dev/disk/by-id/virtio-SERIAL`";
  fileSystems = honoured "9p becomes virtiofs; `mkForce { }` is refused, since the VM would mount the real machine's disks";
  forwardPorts = honoured "";
  "qemu.drives" = honoured "existing raw images, with their `deviceExtraOpts.serial`; a warning names the others, which are not attached";
  graphics = honoured "default: false; the console is on the terminal";
  "host.pkgs" = honoured "nixvf always runs the host's programs";
  memorySize = honoured "in MiB";
  resolution = honoured "size of the window, with `graphics`";
  restrictNetwork = honoured "";
  rootDevice = honoured "";
  "rosetta.enable" = honoured "default: true for aarch64 guests; does nothing on a host without Rosetta";
  "rosetta.mountPoint" = honoured "";
  "rosetta.mountTag" = honoured "";
  sharedDirectories = honoured "over virtiofs; `securityModel` has no effect. Shares are writable; if nixpkgs has the option `writable`, only with `writable = true`. The host's store never is";
  useDefaultFilesystems = honoured "";
  useHostCerts = honoured "";
  useNixStoreImage = honoured "nixvf makes the image if the cache has none; VMs with the same closure share it";
  writableStore = honoured "";
  writableStoreUseTmpfs = honoured "if false, each boot removes whiteouts over host paths from the layer on the disk";

  bios = ignored noFirmware;
  bootLoaderDevice = ignored noFirmware;
  bootPartition = ignored noFirmware;
  "directBoot.initrd" = ignored "the system's own initrd is booted";
  diskSizeAutoSupported = ignored "it is internal to nixpkgs";
  "efi.OVMF" = ignored noFirmware;
  "efi.firmware" = ignored noFirmware;
  "efi.keepVariables" = ignored noFirmware;
  "efi.variables" = ignored noFirmware;
  installBootLoader = ignored noFirmware // off;
  interfaces = ignored oneCard;
  msize = ignored about9p;
  nixStore9pCache = ignored about9p;
  "qemu.consoles" = ignored "the console is hvc0; add others with boot.kernelParams";
  "qemu.diskInterface" = ignored "disks are virtio";
  "qemu.enableSharedMemory" = ignored qemuOnly;
  "qemu.forceAccel" = ignored qemuOnly;
  "qemu.guestAgent.enable" = ignored "the guest agent has no channel to the host" // off;
  "qemu.networkingOptions" = ignored "${qemuOnly}; use virtualisation.forwardPorts";
  "qemu.options" = ignored "${qemuOnly}; pass vfkit's arguments to nixvf-args, after --";
  "qemu.package" = ignored qemuOnly;
  "qemu.virtioKeyboard" = ignored "a VM with a window always has a keyboard";
  "tpm.deviceModel" = ignored "there is no TPM";
  "tpm.package" = ignored "there is no TPM";
  "tpm.provisioning" = ignored "there is no TPM";
  useBIOSBoot = ignored noFirmware // off;
  useEFIBoot = ignored "it only concerns `useBootLoader`, which is refused" // off;
  useSecureBoot = ignored noFirmware // off;
  vlans = ignored oneCard;

  "directBoot.enable" =
    refused "nixvf boots the kernel directly: leave virtualisation.directBoot.enable true"
    // {
      allowed = [ true ];
    };
  mountHostNixStore =
    refused "the guest needs the host's store or an image of its closure: for the image, set virtualisation.useNixStoreImage = true"
    // {
      allowed = [ true ];
    };
  "tpm.enable" = refused "Virtualization.framework has no TPM: set virtualisation.tpm.enable = lib.mkForce false in virtualisation.vmVariant";
  useBootLoader = refused "nixvf boots the kernel directly: set virtualisation.useBootLoader = lib.mkForce false in virtualisation.vmVariant";
}

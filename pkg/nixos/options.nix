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
  about9p = "it is about 9p, and shares are virtiofs";
in
{
  additionalPaths = honoured "built, kept from garbage collection, and registered in the guest's Nix database";
  cores = honoured "";
  credentials = honoured "read on the host when the VM starts, whatever the `mechanism`; `$VARIABLES` in `source` are expanded";
  diskImage = honoured "the default is `$NIXVF_STATE/<name>.raw`, in the VM's state directory; a `.qcow2` becomes a `.raw` beside it";
  diskSize = honoured "in MiB";
  emptyDiskImages = honoured "sizes in MiB; of a `driveConfig`, `deviceExtraOpts.serial`, at most 20 bytes: the disk is `/dev/disk/by-id/virtio-SERIAL`";
  fileSystems = honoured "9p becomes virtiofs; `mkForce { }`, which would mount the host's own disks, is refused";
  forwardPorts = honoured "";
  "qemu.drives" = honoured "raw images that exist, with their `deviceExtraOpts.serial`; others are left out with a warning";
  graphics = honoured "the default is false: the console is the terminal";
  "host.pkgs" = honoured "nothing to do: nixvf runs the host's programs";
  memorySize = honoured "in MiB";
  resolution = honoured "of the window, with `graphics`";
  restrictNetwork = honoured "";
  rootDevice = honoured "";
  "rosetta.enable" = honoured "the default is true for aarch64 guests, and harmless where the host has no Rosetta";
  "rosetta.mountPoint" = honoured "";
  "rosetta.mountTag" = honoured "";
  sharedDirectories = honoured "over virtiofs; `securityModel` has no meaning there; shares are writable, where nixpkgs has the option `writable` only those that say so, and the host's store never";
  useDefaultFilesystems = honoured "";
  useHostCerts = honoured "";
  useNixStoreImage = honoured "the image is made when there is none like it, kept in the cache, and shared by the VMs that have the same closure";
  writableStore = honoured "";
  writableStoreUseTmpfs = honoured "a layer on disk is cleared of whiteouts over host paths at each boot";

  bios = ignored noFirmware;
  bootLoaderDevice = ignored noFirmware;
  bootPartition = ignored noFirmware;
  "directBoot.initrd" = ignored "the system's own initrd is booted";
  diskSizeAutoSupported = ignored "it is nixpkgs' own";
  "efi.OVMF" = ignored noFirmware;
  "efi.firmware" = ignored noFirmware;
  "efi.keepVariables" = ignored noFirmware;
  "efi.variables" = ignored noFirmware;
  installBootLoader = ignored noFirmware // off;
  interfaces = ignored oneCard;
  msize = ignored about9p;
  nixStore9pCache = ignored about9p;
  "qemu.consoles" = ignored "the console is hvc0; use boot.kernelParams for others";
  "qemu.diskInterface" = ignored "disks are virtio";
  "qemu.enableSharedMemory" = ignored qemuOnly;
  "qemu.forceAccel" = ignored qemuOnly;
  "qemu.guestAgent.enable" = ignored "the agent has no channel to the host" // off;
  "qemu.networkingOptions" = ignored "${qemuOnly}; use virtualisation.forwardPorts";
  "qemu.options" = ignored "${qemuOnly}; pass arguments to vfkit after -- of nixvf-args";
  "qemu.package" = ignored qemuOnly;
  "qemu.virtioKeyboard" = ignored "a VM with a window has a keyboard";
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
    refused "the VM's system comes from the host's store, or from an image of its closure: set virtualisation.useNixStoreImage = true for that"
    // {
      allowed = [ true ];
    };
  "tpm.enable" = refused "Virtualization.framework has no TPM: set virtualisation.tpm.enable = lib.mkForce false in virtualisation.vmVariant";
  useBootLoader = refused "nixvf boots the kernel directly: set virtualisation.useBootLoader = lib.mkForce false in virtualisation.vmVariant";
}

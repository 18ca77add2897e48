# What a configuration says of the real machine's disks and devices, and what the
# VM makes of it: OPTIONS.md is made from this. The VM has none of these disks, so
# whatever unlocks, imports, scrubs, snapshots or waits for them is off in it.
#
#   value    what the option has in the VM, unless virtualisation.vmVariant says
#            otherwise with mkForce
#   unless   types of file systems: with one of them among the VM's own, the option
#            keeps what the configuration says
#
#   keep     or: which values of an attribute set the VM has too, whoever sets them;
#            kept says that in words
#
# An option that a release of nixpkgs does not have is left out there; with keep it
# must be in all.
{ lib }:
let
  off = why: {
    value = false;
    inherit why;
  };
  with' = value: why: { inherit value why; };
  unless =
    type: fate:
    fate
    // {
      unless = type;
    };

  hibernation = "the VM does not hibernate";
  unlocking = "stage 1 has no disk to unlock";
  import' = "the VM has no such pool";
  scrub = "the VM has no such file system";
  snapshots = "the VM has no such file system";
  hardware = "the VM has no such hardware";
  loader = "the host boots the kernel directly";
in
{
  # Hibernation and swap: qemu-vm.nix drops the swap devices.
  "boot.resumeDevice" = with' "" hibernation;
  "boot.zswap.enable" = off "it needs a swap device, and the VM has none";

  # Unlocking: qemu-vm.nix drops the LUKS devices.
  "boot.initrd.secrets" = {
    keep = source: lib.hasPrefix builtins.storeDir (toString source);
    kept = "those in the Nix store";
    why = "the others are files on the real machine, which its boot loader adds";
  };
  "boot.initrd.clevis.enable" = off unlocking;
  "boot.initrd.unl0kr.enable" = off unlocking;
  "boot.zfs.tzpfms.enable" = off unlocking;
  "boot.initrd.network.enable" = off "no disk is unlocked over the network";
  "boot.initrd.network.ssh.enable" = off "no disk is unlocked over the network";
  "boot.initrd.systemd.network.enable" = off "no disk is unlocked over the network";
  "environment.etc.crypttab.enable" = off "the VM has none of these devices";

  # The root file system.
  "boot.initrd.systemd.root" = with' "fstab" "the root is the VM's disk";
  "boot.initrd.systemd.repart.enable" = off "the VM's disk has no partitions";
  "systemd.repart.enable" = off "the VM's disk has no partitions";
  "boot.growPartition" = off "the VM's disk has no partitions";
  "boot.iscsi-initiator.name" = with' null "the root is the VM's disk";
  "services.openiscsi.enableAutoLoginOut" = off "the real machine uses these disks";

  # Pools and file systems.
  "boot.zfs.extraPools" = unless "zfs" (with' [ ] import');
  "services.zfs.autoScrub.enable" = unless "zfs" (off scrub);
  "services.zfs.trim.enable" = unless "zfs" (off scrub);
  "services.zfs.expandOnBoot" = unless "zfs" (with' "disabled" import');
  "services.zfs.autoSnapshot.enable" = unless "zfs" (off snapshots);
  "services.zfs.autoReplication.enable" = unless "zfs" (off snapshots);
  "services.sanoid.enable" = unless "zfs" (off snapshots);
  "services.syncoid.enable" = unless "zfs" (off snapshots);
  "services.zrepl.enable" = unless "zfs" (off snapshots);
  "services.znapzend.enable" = unless "zfs" (off snapshots);
  "services.btrfs.autoScrub.enable" = unless "btrfs" (off scrub);
  "services.snapper.configs" = unless "btrfs" (with' { } snapshots);
  "services.btrbk.instances" = unless "btrfs" (with' { } snapshots);
  "services.beesd.filesystems" = unless "btrfs" (with' { } "the VM has no such file system");
  "services.bcachefs.autoScrub.enable" = unless "bcachefs" (off scrub);
  "services.snapraid.enable" = off "the VM has no such disks";

  # Devices.
  "services.qemuGuest.enable" = off "the guest agent has no channel to the host";
  "services.smartd.enable" = off hardware;
  "services.hddfancontrol.enable" = off hardware;
  "hardware.fancontrol.enable" = off hardware;
  # It is refused without NVIDIA's driver, which qemu-vm.nix takes from the VM.
  "hardware.nvidia-container-toolkit.enable" = off hardware;
  "services.thinkfan.enable" = off hardware;
  "services.throttled.enable" = off hardware;
  "services.undervolt.enable" = off hardware;
  "networking.usePredictableInterfaceNames" = off "the VM's network card is eth0";
  # It is refused without a boot loader that starts it before the kernel.
  "virtualisation.xen.enable" = off "the host boots the kernel directly, without a hypervisor below it";

  # Boot loaders: they would be built, and a switch of configuration in the guest
  # would install them, for which the VM's disk has no place: as in a VM of
  # build-vm, the switch would fail.
  "boot.lanzaboote.enable" = off loader;
  "boot.loader.external.enable" = off loader;
  "boot.loader.generationsDir.enable" = off loader;
  "boot.loader.generic-extlinux-compatible.enable" = off loader;
  "boot.loader.grub.enable" = off loader;
  "boot.loader.grub.gfxmodeBios" = with' "auto" loader;
  "boot.loader.initScript.enable" = off loader;
  "boot.loader.limine.enable" = off loader;
  "boot.loader.limine.biosDevice" = with' "nodev" loader;
  "boot.loader.refind.enable" = off loader;
  "boot.loader.systemd-boot.enable" = off loader;
}

//go:build linux

package tests

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// realMachine is what of a configuration is about the real machine.
type realMachine struct {
	Resume, Root              string
	Secrets, Luks             []string // names
	Off                       map[string]bool
	Pools, Snapper, Btrbk     []string
	Bees                      []string
	Iscsi                     *string
	KernelParams              []string
	Available, KernelModules  []string // of the initrd
	Loader                    string   // program that installs it
	Getty                     bool
	GettyDropIn               string
	StageOne                  []string // its services that run
	Interfaces                map[string]any
	Networks                  map[string]any
	Dhcpcd                    bool
	Notes                     []string
	PredictableInterfaceNames bool
}

const realMachineOf = `c: let names = builtins.attrNames; in {
	resume = c.boot.resumeDevice;
	root = c.boot.initrd.systemd.root;
	secrets = names c.boot.initrd.secrets;
	luks = names c.boot.initrd.luks.devices;
	off = {
		agent = c.services.qemuGuest.enable;
		clevis = c.boot.initrd.clevis.enable;
		crypttab = c.environment.etc.crypttab.enable or true;
		network = c.boot.initrd.network.enable;
		networkd = c.boot.initrd.systemd.network.enable;
		ssh = c.boot.initrd.network.ssh.enable;
		growPartition = c.boot.growPartition;
		grub = c.boot.loader.grub.enable;
		systemdBoot = c.boot.loader.systemd-boot.enable;
		scrub = c.services.btrfs.autoScrub.enable;
		zfsScrub = c.services.zfs.autoScrub.enable;
		zfsSnapshot = c.services.zfs.autoSnapshot.enable;
		iscsi = c.services.openiscsi.enableAutoLoginOut;
		nvidia = c.hardware.nvidia-container-toolkit.enable;
		sanoid = c.services.sanoid.enable;
		smartd = c.services.smartd.enable;
		xen = c.virtualisation.xen.enable;
	};
	pools = c.boot.zfs.extraPools;
	snapper = names c.services.snapper.configs;
	btrbk = names c.services.btrbk.instances;
	bees = names c.services.beesd.filesystems;
	iscsi = c.boot.iscsi-initiator.name;
	inherit (c.boot) kernelParams;
	available = c.boot.initrd.availableKernelModules;
	inherit (c.boot.initrd) kernelModules;
	loader = c.system.build.installBootLoader or "";
	getty = c.systemd.services."serial-getty@hvc0".enable or true;
	gettyDropIn = c.systemd.services."serial-getty@hvc0".overrideStrategy or "";
	stageOne = let all = c.boot.initrd.systemd.services; in builtins.filter (n: all.${n}.enable or true) (names all);
	interfaces = builtins.mapAttrs (_: i: i.useDHCP or null) c.networking.interfaces;
	networks = builtins.mapAttrs (_: n: { inherit (n) matchConfig; networkConfig = n.networkConfig or { }; }) c.systemd.network.networks;
	dhcpcd = c.networking.dhcpcd.enable;
	notes = c.nixvf.notes;
	predictableInterfaceNames = c.networking.usePredictableInterfaceNames;
}`

// machineChecks is what must hold of each sample that is about a real machine.
var machineChecks = map[string]func(realMachine) bool{
	"guestAgent": func(m realMachine) bool { return !m.Off["agent"] },
	"otherDisks": func(m realMachine) bool {
		return m.Resume == "" && m.Root == "fstab" && slices.Equal(m.Secrets, []string{"/own"}) && len(m.Luks)+len(m.Pools)+len(m.Snapper)+len(m.Btrbk)+len(m.Bees) == 0 &&
			m.Iscsi == nil && slices.Contains(m.KernelParams, "noresume") && !slices.Contains(slices.Collect(maps.Values(m.Off)), true) &&
			!m.PredictableInterfaceNames && strings.HasSuffix(m.Loader, "/bin/nixvf-no-boot-loader")
	},
	"containerInVM": func(m realMachine) bool { return m.Loader == "/bin/true" },
	"ownBtrfs": func(m realMachine) bool {
		return m.Off["scrub"] && len(m.Snapper) == 1 && !m.Off["zfsScrub"]
	},
	"ownResume": func(m realMachine) bool {
		return m.Resume == "/dev/vdb" && !slices.Contains(m.KernelParams, "noresume")
	},
	"forced": func(m realMachine) bool {
		return hasEach(m.Available, "nvme", "virtio_blk", "virtio_pci", "virtio_console", "virtiofs", "overlay", "ext4") &&
			hasEach(m.KernelParams, "console=ttyS0", "noresume")
	},
	"headless":   func(m realMachine) bool { return m.Getty && m.GettyDropIn == "asDropin" },
	"noLogin":    func(m realMachine) bool { return !m.Getty },
	"forcedInVM": func(m realMachine) bool { return slices.Equal(m.KernelParams, []string{"console=ttyS0"}) },
	"rollback": func(m realMachine) bool {
		return hasEach(m.StageOne, "own", "other", "nixvf-store-layer") && len(m.Notes) == 3 &&
			!slices.ContainsFunc(m.StageOne, func(name string) bool { return name == "waits" || name == "unlocks" || name == "mounts" })
	},
	"ownStageOne": func(m realMachine) bool {
		return hasEach(m.StageOne, "console", "data", "empty", "first", "port", "root") && len(m.Notes) == 0
	},
	"ownPool": func(m realMachine) bool {
		return hasEach(m.StageOne, "create-tank", "rollback") && len(m.Notes) == 0
	},
	"otherStageOne": func(m realMachine) bool {
		return slices.Contains(m.StageOne, "forced") && len(m.Notes) == 5 && !slices.ContainsFunc(m.StageOne, func(name string) bool {
			return name == "roll" || name == "stranger" || name == "tpm" || name == "volume" || name == "wipe"
		})
	},
	"otherCard": func(m realMachine) bool {
		return m.Interfaces["eth0"] == true && m.Dhcpcd && len(m.Notes) == 1 && strings.Contains(m.Notes[0], "enp3s0")
	},
	"otherCardNoClient": func(m realMachine) bool { return m.Interfaces["eth0"] == true && m.Dhcpcd },
	"otherCardNetworkd": givenNetwork,
	"oddGlobs":          givenNetwork,
	"sameCardGlobs":     untouchedNetwork,
	"sameCard":          untouchedNetwork,
	"bridged":           untouchedNetwork,
	"sameCardNetworkd":  untouchedNetwork,
	"networkManager":    untouchedNetwork,
	"plain":             untouchedNetwork,
	"networkd":          untouchedNetwork,
}

// givenNetwork holds where the VM's card gets its address from networkd because the
// configuration is about others.
func givenNetwork(m realMachine) bool {
	own, err := json.Marshal(m.Networks["99-nixvf"])
	return err == nil && string(own) == `{"matchConfig":{"Name":"eth0"},"networkConfig":{"DHCP":"yes"}}` && len(m.Notes) == 1
}

// untouchedNetwork holds where the configuration has an answer for the VM's card.
func untouchedNetwork(m realMachine) bool {
	return m.Networks["99-nixvf"] == nil && m.Interfaces["eth0"] != true && len(m.Notes) == 0
}

// What is about the real machine's disks and devices is not in the VM, what the
// VM cannot do without is, and nothing of it stops the evaluation.
func TestOtherMachine(t *testing.T) {
	onEach(t, func(t *testing.T, s samples) {
		names := slices.Sorted(maps.Keys(machineChecks))
		all := lookAt[realMachine](t, s, strings.Join(names, "|"), realMachineOf)
		for name, machine := range all {
			if !machineChecks[strings.Split(name, "-")[0]](machine) {
				t.Errorf("%s: %+v", name, machine)
			}
		}
	})
}

// A cross-built guest is of its own platform, not of the one that builds it.
func TestPlatform(t *testing.T) {
	builders := map[string]string{"cross": "x86_64-linux", "crossLegacy": "x86_64-linux", "notCross": "aarch64-linux"}
	onEach(t, func(t *testing.T, s samples) {
		names := slices.Sorted(maps.Keys(builders))
		all := lookAt[[2]string](t, s, strings.Join(names, "|"), `c: with c; [ nixvf.platform system.build.toplevel.system ]`)
		for name, got := range all {
			if want := [2]string{"aarch64-linux", builders[strings.Split(name, "-")[0]]}; got != want {
				t.Errorf("%s: guest and builder are %q, want %q", name, got, want)
			}
		}
	})
}

// driveSettings is what a VM's settings say of its disks beside the root.
type driveSettings struct {
	Empty, Drives any
	Warnings      []string
}

// A disk keeps the serial number that the configuration gives it, the user's own
// raw images are attached, and what is left out of either is said.
func TestDrives(t *testing.T) {
	onEach(t, func(t *testing.T, s samples) {
		for name, drives := range lookAt[driveSettings](t, s, "drives", `c: {
			empty = c.nixvf.settings.emptyDiskImages;
			drives = c.nixvf.settings.qemu.drives;
			inherit (c.nixvf) warnings;
		}`) {
			checkDrives(t, name, drives, name == "drives-25.11")
		}
	})
}

// checkDrives checks what becomes of the disks of a release, in old ones of which
// empty disks are nothing but sizes.
func checkDrives(t *testing.T, name string, s driveSettings, old bool) {
	t.Helper()
	const drives = `[{"deviceExtraOpts":{"serial":"own"},"file":"$PWD/own.raw"},{"file":"/dev/disk/by-id/usb-stick"}]`
	want, warned := `[512,{"driveConfig":{"deviceExtraOpts":{"serial":"data"}},"size":64}]`, 3
	if old {
		want, warned = "[512,64]", 2
	}
	if got, err := json.Marshal(s.Empty); string(got) != want {
		t.Errorf("%s: empty disks %s, %v", name, got, err)
	}
	if got, err := json.Marshal(s.Drives); string(got) != drives {
		t.Errorf("%s: drives %s, %v", name, got, err)
	}
	if all := strings.Join(s.Warnings, "\n"); len(s.Warnings) != warned || !strings.Contains(all, "old.qcow2") ||
		!strings.Contains(all, "system.img") || strings.Contains(all, "logical_block_size") == old {
		t.Errorf("%s: warnings %q", name, s.Warnings)
	}
}

// No definition of the module's, or of qemu-vm.nix for the VM, conflicts with a
// configuration that sets the option to another value, however it does that.
func TestNoConflict(t *testing.T) {
	onEach(t, func(t *testing.T, s samples) {
		if err := os.CopyFS(filepath.Join(s.dir, "test"), os.DirFS("nixpkgs")); err != nil {
			t.Fatal(err)
		}
		expr := fmt.Sprintf(`let
			nixpkgs = builtins.getFlake "%s";
			all = ((import %s/samples/flake.nix).outputs { inherit nixpkgs; }).nixosConfigurations;
		in nixpkgs.lib.genAttrs [ "%s" ] (release:
			import %s/test/conflicts.nix nixpkgs.lib all."topLevel-${release}" all."plain-${release}")`,
			s.nixpkgs, s.dir, strings.Join(s.releases, `" "`), s.dir)
		var releases map[string]struct{ Options, Plainly, MkDefault, MkForce []string }
		if err := json.Unmarshal(nix(t, "eval", "--json", "--impure", "--expr", expr), &releases); err != nil {
			t.Fatal(err)
		}
		for name, r := range releases {
			if !hasEach(r.Options, "services.qemuGuest.enable", "systemd.services", "virtualisation.diskImage", "boot.kernelParams") {
				t.Errorf("%s: the module sets %q", name, r.Options)
			}
			if failed := slices.Concat(r.Plainly, r.MkDefault, r.MkForce); len(failed) > 0 {
				t.Errorf("%s: a configuration cannot set %q plainly, %q by mkDefault, %q by mkForce", name, r.Plainly, r.MkDefault, r.MkForce)
			}
		}
	})
}

package preflight

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/nixvf/nixvf/pkg/vmm"
)

// Versions of macOS: Virtualization.framework boots Linux with shares and
// Rosetta since 13, and vfkit supports 14 and newer (its
// doc/supported_platforms.md).
const (
	oldestMac    = 13
	supportedMac = 14
)

func (c *check) mac() {
	version, err := c.Run(c.ctx, "sw_vers", "-productVersion")
	version = firstLine(version)
	first, _, _ := strings.Cut(version, ".")
	major, bad := strconv.Atoi(first)
	if err == nil && bad == nil {
		c.macOS = version
	}
	switch {
	case err != nil || bad != nil:
		c.warn("macOS", "", "its version is unknown: %q", version)
	case major < oldestMac:
		c.problem("macOS", "Software Update", "%s is too old, %d or newer is needed", version, oldestMac)
	case major < supportedMac:
		c.warn("macOS", "Software Update", "%s: vfkit supports %d and newer", version, supportedMac)
	default:
		c.ok("macOS", "%s", version)
	}
	if _, cpu := c.Platform(); cpu == "arm64" {
		c.ok("CPU", "Apple silicon, for guests of aarch64-linux")
	} else {
		c.warn("CPU", "", "an Intel Mac runs x86_64-linux guests: nobody has tried that")
	}
}

// Virtualization.framework runs VMs in VMs from these on (Apple's documentation of
// VZGenericPlatformConfiguration, isNestedVirtualizationSupported).
const (
	nestingMac  = 15
	nestingChip = 3 // as in M3
)

// macNests looks at whether guests can run VMs themselves.
func (c *check) macNests() {
	name, err := c.Run(c.ctx, "/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string")
	var chip int
	if err == nil {
		_, err = fmt.Sscanf(name, "Apple M%d", &chip)
	}
	if err == nil && chip >= nestingChip && !older(c.macOS, strconv.Itoa(nestingMac)) {
		c.ok("nested VMs", "guests can run VMs themselves")
		return
	}
	c.ok("nested VMs", "guests cannot run VMs themselves (nixvf-args --nested): that takes an M%d or newer, and macOS %d or newer", nestingChip, nestingMac)
}

// entitlement is what lets a program use Virtualization.framework.
const entitlement = "com.apple.security.virtualization"

func (c *check) vfkit(given string) {
	const fix = "brew install vfkit, or nix profile install nixpkgs#vfkit"
	path, err := c.program(given, "vfkit")
	if err != nil {
		c.problem("vfkit", fix, "%v", err)
		return
	}
	version, err := c.Run(c.ctx, path, "--version")
	if err == nil {
		err = vmm.CheckVfkitVersion(version)
	}
	if err != nil {
		c.problem("vfkit", fix, "%s: %s", path, firstLine(err.Error()))
		return
	}
	c.ok("vfkit", "%s, %s", firstLine(version), path)
	signature, err := c.Run(c.ctx, "codesign", "-d", "--entitlements", "-", path)
	switch {
	case err != nil:
		c.problem("signature", fix, "%s is not signed: %s", path, firstLine(signature))
	case !strings.Contains(signature, entitlement):
		c.problem("signature", fix, "%s is not entitled to %s", path, entitlement)
	default:
		c.ok("signature", "vfkit is entitled to %s", entitlement)
	}
}

func (c *check) rosetta() {
	switch _, cpu := c.Platform(); {
	case cpu != "arm64": // an Intel Mac needs none
	case !c.Exists(vmm.RosettaFile):
		c.warn("Rosetta", "softwareupdate --install-rosetta", "not installed: guests cannot run x86_64-linux programs")
	default:
		c.rosettaAge()
	}
}

// oldRosettas are those that fail under newer kernels of arm64: the first macOS
// that is not so, the first kernel, what Rosetta says there, and NixOS's last
// package of kernels before it. As reported in public issues: abiosoft/colima
// #926, rancher-desktop#8742 (15.3.2) and UTM#6771, apple/container#1142.
var oldRosettas = []struct{ fixed, kernel, says, packages string }{
	{"14", "6.3", "unhandled auxillary vector type 28", ""},
	{"15.4", "6.11", "Failed to find vdso DT_HASH", "linuxPackages_6_6"},
	{"26", "6.13", "unhandled auxillary vector type 29", "linuxPackages_6_12"},
}

// rosettaAge looks at whether Rosetta, which comes with macOS, knows what newer
// kernels have for it.
func (c *check) rosettaAge() {
	for _, old := range oldRosettas {
		if c.macOS == "" || !older(c.macOS, old.fixed) {
			continue
		}
		fix := "macOS 26 or newer"
		if old.packages != "" {
			fix += ", or boot.kernelPackages = pkgs." + old.packages
		}
		c.warn("Rosetta", fix, "the one of macOS %s cannot run x86_64-linux programs under guest kernels %s and newer (%q)",
			c.macOS, old.kernel, old.says)
		return
	}
	c.ok("Rosetta", "installed, for guests' x86_64-linux programs")
}

// older reports whether a version of macOS comes before another one. What is not
// a number counts as 0.
func older(a, b string) bool {
	numbers := func(version string) (list [3]int) {
		for i, digits := range strings.SplitN(version, ".", len(list)) {
			list[i], _ = strconv.Atoi(digits)
		}
		return list
	}
	x, y := numbers(a), numbers(b)
	return slices.Compare(x[:], y[:]) < 0
}

// keychain looks at whether macOS can use this user's keys. From macOS 15 on it
// makes one for some VMs as they start (cirruslabs/tart#1025, #1075), and cannot
// while the keychain is locked, as it is for a user who has logged in only by ssh. In
// a graphical session it is open, and to ask might show a window.
func (c *check) keychain() {
	if session, err := c.Run(c.ctx, "/bin/launchctl", "managername"); err == nil && firstLine(session) == "Aqua" {
		c.ok("keychain", "of a graphical session")
		return
	}
	answer, err := c.Run(c.ctx, "/usr/bin/security", "show-keychain-info")
	switch {
	case err == nil:
		c.ok("keychain", "unlocked")
	case strings.Contains(answer, "could not be found"):
		c.warn("keychain", "log in at the screen once, or run security create-keychain login.keychain && security default-keychain -s login.keychain",
			"this user has none: macOS may not start a VM (%s)", firstLine(answer))
	default:
		c.warn("keychain", "security unlock-keychain, or log in at the screen (System Settings has an automatic login for a Mac without one)",
			"locked: macOS may not start a VM (%s)", firstLine(answer))
	}
}

// macFiles looks at the limits of open files of Apple's VM service: it holds the
// files of shares, and this user's limits are not its. The last one is how many
// are open now.
func (c *check) macFiles() {
	answer, err := c.Run(c.ctx, "/usr/sbin/sysctl", "-n", "kern.maxfilesperproc", "kern.maxfiles", "kern.num_files")
	var service, mac, open uint64
	if err == nil {
		_, err = fmt.Sscan(answer, &service, &mac, &open)
	}
	const fix = "sudo sysctl kern.maxfiles=491520 kern.maxfilesperproc=245760, until the next boot"
	switch free := mac - min(mac, open); {
	case err != nil:
		c.warn("open files", fix, "the limits are unknown: %q", firstLine(answer))
	case min(service, free) < busyVM:
		c.warn("open files", fix, "Apple's VM service may open %d files, and this Mac %d more; a guest that reads much of the store needs %d",
			service, free, busyVM)
	default:
		c.ok("open files", "Apple's VM service may open %d, and this Mac %d more", service, free)
	}
}

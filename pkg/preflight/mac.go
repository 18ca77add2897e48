package preflight

import (
	"strconv"
	"strings"

	"github.com/nixvf/nixvf/pkg/boot"
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
	switch {
	case err != nil || bad != nil:
		c.warn("macOS", "", "its version cannot be found out: %q", version)
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
		c.warn("CPU", "", "an Intel Mac, for guests of x86_64-linux: nobody has tried")
	}
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
		err = boot.CheckVfkitVersion(version)
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

// rosettaLinux is the program that macOS shares with Linux guests.
const rosettaLinux = "/Library/Apple/usr/libexec/oah/RosettaLinux/rosetta"

func (c *check) rosetta() {
	switch _, cpu := c.Platform(); {
	case cpu != "arm64": // an Intel Mac needs none
	case c.Exists(rosettaLinux):
		c.ok("Rosetta", "installed, for guests' x86_64-linux programs")
	default:
		c.warn("Rosetta", "softwareupdate --install-rosetta", "not installed: guests run no x86_64-linux programs")
	}
}

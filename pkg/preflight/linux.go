package preflight

import (
	"strings"

	"github.com/nixvf/nixvf/pkg/qemu"
	"github.com/nixvf/nixvf/pkg/vmm"
)

func (c *check) qemu(given string) {
	_, cpu := c.Platform()
	name := "qemu-system-" + strings.TrimSuffix(vmm.Guest(cpu), "-linux")
	path, err := c.program(given, name)
	if err != nil {
		c.problem("QEMU", "install QEMU (Debian: qemu-system-x86 or qemu-system-arm)", "%v", err)
		return
	}
	version, err := c.Run(c.ctx, path, "--version")
	if err == nil {
		err = vmm.CheckQEMUVersion(version)
	}
	if err != nil {
		c.problem("QEMU", "install a newer QEMU, or name it with --qemu", "%s: %s", path, firstLine(err.Error()))
		return
	}
	c.ok("QEMU", "%s, %s", firstLine(version), path)
}

func (c *check) kvm() {
	cpu, err := c.Read(qemu.CPUInfo)
	if err == nil {
		err = qemu.CheckCPU(cpu)
	}
	switch {
	case !c.Exists(qemu.KVM):
		c.warn("KVM", "switch virtualization on in the firmware, and modprobe kvm", "it is missing: guests run slowly")
	case err != nil:
		c.warn("KVM", "use a machine (or a VM) with hardware virtualization", "%v: guests run slowly", err)
	case c.Writable(qemu.KVM) != nil:
		c.warn("KVM", "add this user to the group that owns /dev/kvm (often kvm)", "this user cannot open it: guests run slowly")
	default:
		c.ok("KVM", "guests run at full speed")
		c.nests()
	}
}

// nests looks at whether guests can have a KVM too.
func (c *check) nests() {
	for _, file := range qemu.NestFiles {
		if parameter, err := c.Read(file); err == nil && qemu.Nests(parameter) {
			c.ok("nested VMs", "guests can run VMs themselves")
			return
		}
	}
	c.ok("nested VMs", "guests cannot run VMs themselves (nixvf-args --nested): KVM does not nest")
}

func (c *check) virtiofsd(given string) {
	path, err := c.program(given, append([]string{"virtiofsd"}, qemu.Daemons...)...)
	if err != nil {
		c.problem("virtiofsd", "install virtiofsd (in older distributions a part of QEMU's packages)", "%v", err)
		return
	}
	// Its output tells more than its exit status, which is an error for some.
	help, _ := c.Run(c.ctx, path, "--help")
	daemon, err := qemu.NewDaemon(path, help, c.UID())
	switch {
	case err != nil:
		c.problem("virtiofsd", "the one in Rust (Debian 13, nixpkgs) needs no root", "%s", firstLine(err.Error()))
	case daemon.Rust:
		c.ok("virtiofsd", "%s", path)
	default:
		c.ok("virtiofsd", "%s, QEMU's old one", path)
	}
}

//go:build linux

package vz

import (
	"os"

	"github.com/Code-Hex/vz/v3/machine"
)

// handles collects the files that a machine inherits.
type handles struct{ files []*os.File }

// add returns the descriptor that the file will have there.
func (h *handles) add(f *os.File) int {
	if f == nil {
		return 0
	}
	h.files = append(h.files, f)
	return 2 + len(h.files)
}

// describe makes a machine's description, and adds to h what belongs to it.
func (v *VirtualMachineConfiguration) describe(h *handles) machine.Spec {
	spec := machine.Spec{CPUs: v.cpus, Memory: v.memory}
	if b, ok := v.boot.(*LinuxBootLoader); ok {
		spec.Kernel, spec.Initrd, spec.CmdLine = b.kernel, b.initrd, b.cmdline
	}
	for _, d := range v.disks {
		if image, ok := d.Attachment().(*DiskImageStorageDeviceAttachment); ok {
			spec.Disks = append(spec.Disks, machine.Disk{Path: image.path, ID: d.id(), ReadOnly: image.readOnly})
		}
	}
	for _, s := range v.shares {
		spec.Shares = append(spec.Shares, machine.Share{Tag: s.sharing().tag, Directory: s.sharing().share.directory()})
	}
	for _, c := range v.cards {
		spec.Cards = append(spec.Cards, machine.Card{MAC: c.mac.addr.String(), Socket: h.add(c.attachment.socket())})
	}
	for _, a := range v.attachments() {
		in, out := a.files()
		spec.Consoles = append(spec.Consoles, machine.Console{In: h.add(in), Out: h.add(out)})
	}
	return spec
}

// attachments returns those of all consoles, in order.
func (v *VirtualMachineConfiguration) attachments() []SerialPortAttachment {
	var list []SerialPortAttachment
	for _, s := range v.serials {
		list = append(list, s.attachment)
	}
	for _, device := range v.consoles {
		for _, port := range device.consoles() {
			list = append(list, port.attachment)
		}
	}
	return list
}

package qemu

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/crc-org/vfkit/pkg/config"
)

// device translates one device. text is how it stands on the command line.
func (t *translation) device(text string, device config.VirtioDevice) {
	switch d := device.(type) {
	case *config.VirtioBlk:
		t.block(d)
	case *config.VirtioFs:
		t.share(d)
	case *config.VirtioNet:
		t.network(text, d)
	case *config.VirtioSerial:
		t.serial(d)
	case *config.VirtioRng:
		t.add("-object", "rng-random,id=rng0,filename=/dev/urandom", "-device", "virtio-rng-pci,rng=rng0")
	case *config.VirtioBalloon:
		t.add("-device", "virtio-balloon-pci")
	default:
		t.unknown(text)
	}
}

// unknown drops a device that the document calls optional and refuses others.
func (t *translation) unknown(text string) {
	kind, _, _ := strings.Cut(text, ",")
	if slices.Contains(t.host.Optional, text) {
		t.warn("--device %s: this host has none, dropped", kind)
		return
	}
	t.refuse("--device %q: nixvf-boot has no QEMU counterpart for %s", text, kind)
}

func (t *translation) block(d *config.VirtioBlk) {
	id := fmt.Sprintf("disk%d", t.disks)
	t.disks++
	drive := "if=none,id=" + id + ",format=raw,file=" + escape(d.ImagePath)
	if d.ReadOnly {
		drive += ",readonly=on"
	}
	device := "virtio-blk-pci,drive=" + id
	if d.DeviceIdentifier != "" {
		device += ",serial=" + escape(d.DeviceIdentifier)
	}
	t.add("-drive", drive, "-device", device)
}

func (t *translation) share(d *config.VirtioFs) {
	n := len(t.plan.Shares)
	s := Share{Tag: d.MountTag, Dir: d.SharedDir, Socket: filepath.Join(t.host.Sockets, fmt.Sprintf("virtiofs-%d.sock", n))}
	t.plan.Shares = append(t.plan.Shares, s)
	t.add("-chardev", fmt.Sprintf("socket,id=fs%d,path=%s", n, escape(s.Socket)),
		"-device", fmt.Sprintf("vhost-user-fs-pci,chardev=fs%d,tag=%s", n, escape(s.Tag)))
}

func (t *translation) network(text string, d *config.VirtioNet) {
	if !d.Nat {
		t.unknown(text)
		return
	}
	id := fmt.Sprintf("net%d", t.nets)
	netdev, device := "user,id="+id, "virtio-net-pci,netdev="+id
	if t.host.CardFD > 0 {
		netdev = fmt.Sprintf("socket,id=%s,fd=%d", id, t.host.CardFD+t.nets)
	}
	t.nets++
	if d.MacAddress != nil {
		device += ",mac=" + d.MacAddress.String()
	}
	// No boot from the network: the option ROM need not be installed.
	t.add("-netdev", netdev, "-device", device+",romfile=")
}

func (t *translation) serial(d *config.VirtioSerial) {
	if t.serials == 0 {
		t.add("-device", "virtio-serial-pci")
	}
	id := fmt.Sprintf("console%d", t.serials)
	t.serials++
	chardev := "pty,id=" + id
	switch {
	case d.UsesStdio:
		chardev = "stdio,signal=off,id=" + id
	case d.LogFile != "":
		chardev = "file,append=on,id=" + id + ",path=" + escape(d.LogFile)
	}
	t.add("-chardev", chardev, "-device", "virtconsole,chardev="+id)
}

package qemu

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/crc-org/vfkit/pkg/config"

	"github.com/nixvf/nixvf/pkg/fault"
)

// device translates one device. text is how it stands on the command line.
func (t *translation) device(text string, device config.VirtioDevice) {
	switch d := device.(type) {
	case *config.VirtioBlk:
		t.disk("virtio-blk-pci", d.DiskStorageConfig, d.DeviceIdentifier)
	case *config.NVMExpressController:
		// The specification has a controller say a serial number, and QEMU insists.
		t.disk("nvme", d.DiskStorageConfig, fmt.Sprintf("nvme%d", len(t.plan.Images)))
	case *config.USBMassStorage:
		t.usbStorage(d)
	case *config.VirtioVsock:
		t.vsock(d)
	case *config.VirtioGPU:
		t.add("-device", fmt.Sprintf("virtio-gpu-pci,xres=%d,yres=%d", d.Width, d.Height))
	case *config.VirtioInput:
		t.add("-device", inputs[d.InputType])
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

// vsock adds a port to the guest's one device.
func (t *translation) vsock(d *config.VirtioVsock) {
	switch {
	case d.Listen:
		t.refuse("virtio-vsock port %d: ports on which the host listens are vfkit's alone", d.Port)
		return
	case !t.host.Vsock:
		t.errs = append(t.errs, fault.Hint(
			fmt.Errorf("virtio-vsock port %d: this user cannot open /dev/vhost-vsock", d.Port),
			"as root, modprobe vhost_vsock makes it; or forward a port: nixvf-args --forward 2222:22"))
		return
	case t.plan.CID == 0:
		t.plan.CID = t.host.CID
		t.add("-device", fmt.Sprintf("vhost-vsock-pci,guest-cid=%d", t.plan.CID))
	}
	t.plan.Vsock = append(t.plan.Vsock, Port{d.Port, d.SocketURL})
}

// inputs maps vfkit's kinds of input devices to QEMU's. Apple's pointing device
// says where it is, like a tablet, and not how far it has moved.
var inputs = map[string]string{
	config.VirtioInputPointingDevice: "virtio-tablet-pci",
	config.VirtioInputKeyboardDevice: "virtio-keyboard-pci",
}

// disk adds an image on a device of the given kind; serial may be empty.
func (t *translation) disk(kind string, d config.DiskStorageConfig, serial string) {
	id := diskID(len(t.plan.Images))
	t.plan.Images = append(t.plan.Images, d.ImagePath)
	// What cannot be written is kept, and the guest paused, until it can be.
	drive := "if=none,id=" + id + ",format=raw,werror=stop,file=" + escape(d.ImagePath)
	if d.ReadOnly {
		drive += ",readonly=on"
	} else {
		drive += ",discard=unmap" // what the guest frees is free on the host
	}
	device := kind + ",drive=" + id
	if serial != "" {
		device += ",serial=" + escape(serial)
	}
	t.add("-drive", drive, "-device", device)
}

// usbStorage adds an image as a stick, the first one with the controller that
// all of them hang on.
func (t *translation) usbStorage(d *config.USBMassStorage) {
	if !t.usb {
		t.add("-device", "qemu-xhci")
		t.usb = true
	}
	t.disk("usb-storage", d.DiskStorageConfig, "")
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

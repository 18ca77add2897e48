package vfkit

import (
	"strings"
	"testing"
)

// Disks have the serial numbers that the document gives them, and the user's own
// images are attached and not made.
func TestSerials(t *testing.T) {
	args, doc, _ := argv(t, settings(`"emptyDiskImages":[1,{"size":2,"driveConfig":{"deviceExtraOpts":{"serial":"data"}}}],
		"qemu":{"drives":[{"file":"$PWD/own.raw","deviceExtraOpts":{"serial":"own"}},{"file":"/plain.img"}]}`), Options{Host: host()})
	for _, want := range []string{
		"/empty0.raw,deviceId=empty0 ", "/empty1.raw,deviceId=data ",
		"virtio-blk,path=/srv/own.raw,deviceId=own ", "virtio-blk,path=/plain.img ",
	} {
		if !strings.Contains(args, want) {
			t.Errorf("no %s in %s", want, args)
		}
	}
	if len(doc.Disks) != 3 || doc.Disks[2].Size != 2<<20 {
		t.Errorf("disks to make: %+v", doc.Disks)
	}
}

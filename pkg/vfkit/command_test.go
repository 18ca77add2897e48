package vfkit

import (
	"slices"
	"testing"

	"github.com/crc-org/vfkit/pkg/config"
)

// A device is replaced or taken away in each way in which it can be written, and
// what only looks like it stays.
func TestCommandDevices(t *testing.T) {
	args := []string{
		"--kernel", "/k", "--initrd", "/i", "--kernel-cmdline", "--device=virtio-rng", "-d", "virtio-rng", "--device=virtio-serial,stdio",
		"-d=virtio-net,nat", "-dvirtio-balloon", "--device", "rosetta,mountTag=r", "--gui",
	}
	c, err := Parse(args)
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Args(); !slices.Equal(got, args) {
		t.Errorf("unchanged: %q", got)
	}
	for i, text := range []string{"virtio-rng", "virtio-serial,stdio", "virtio-net,nat", "virtio-balloon", "rosetta,mountTag=r"} {
		if d := c.Devices()[i]; d.Text != text || d.VirtioDevice != c.VM.Devices[i] {
			t.Errorf("device %d: %+v, want %s", i, d, text)
		}
	}
	rng, serial, card := c.VM.Devices[0], c.VM.Devices[1], c.VM.Devices[2]
	c.Remove(c.VM.Devices[4])
	for old, device := range map[config.VirtioDevice]config.VirtioDevice{
		serial: &config.VirtioSerial{LogFile: "/log"},
		card:   &config.VirtioNet{UnixSocketPath: "/s"},
	} {
		if err := c.Replace(old, device); err != nil {
			t.Error(err)
		}
	}
	want := []string{
		"--kernel", "/k", "--initrd", "/i", "--kernel-cmdline", "--device=virtio-rng", "-d", "virtio-rng",
		"--device=virtio-serial,logFilePath=/log", "-d=virtio-net,type=unixgram,path=/s,vfkitMagic=off", "-dvirtio-balloon", "--gui",
	}
	if got := c.Args(); !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if err := c.Replace(rng, &config.VirtioSerial{UsesStdio: true, LogFile: "/x"}); err == nil {
		t.Error("a device that vfkit cannot write replaced another one")
	}
	c.Remove(rng)
	if got := c.Args(); !slices.Equal(got, slices.Concat(want[:6], want[8:])) {
		t.Errorf("got %q", got)
	}
	if again, err := Parse(c.Args()); err != nil || len(again.VM.Devices) != 3 || len(c.VM.Devices) != 3 {
		t.Errorf("%v: %d devices, %d when parsed again", err, len(c.VM.Devices), len(again.VM.Devices))
	}
}

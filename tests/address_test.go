//go:build linux

package tests

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const oldLease = `{
	name=old
	ip_address=192.168.64.3
	hw_address=1,52:54:0:0:0:1
	lease=0x67a00001
}
`

// newLease is how a lease is written down for a client.
func newLease(client string) string {
	return "{\n\tip_address=192.168.64.5\n\thw_address=" + client + "\n\tlease=0x67a00002\n}\n"
}

// TestAddress gives the stand-in's guest a lease after it started, beside one
// from an earlier start: by its hardware address, wherever macOS writes that
// down, and by what systemd-networkd makes of it.
func TestAddress(t *testing.T) {
	for _, now := range []string{
		newLease("1,52:54:0:0:0:1") + oldLease,
		oldLease + newLease("1,52:54:0:0:0:1"),
		newLease("ff,f1:f5:dd:7f:0:3:0:1:52:54:0:0:0:1") + oldLease,
		oldLease + newLease("ff,f1:f5:dd:7f:0:1:0:1:2c:1:2:3:52:54:0:0:0:1"),
	} {
		document, env := vfkitDocument(t)
		leases := filepath.Join(t.TempDir(), "leases")
		write := func(text string) {
			if err := os.WriteFile(leases, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		write(oldLease)
		s := onScreen(t, document, env, filepath.Join(bin, "nixvf-boot"), "--vmm", "vfkit", "--address", "--leases", leases)
		s.expect("stand-in guest is up\r\n")
		time.Sleep(time.Second) // long enough for the old one to be seen
		write(now)
		s.expect("the guest's address is 192.168.64.5")
		time.Sleep(time.Second) // long enough for it to be seen again
		if text := s.text(); strings.Contains(text, "address") {
			t.Errorf("it is said again: %q", text)
		}
		s.press("\x1d.")
		s.end(0)
	}
}

// TestAddressUnknown asks for what cannot be known.
func TestAddressUnknown(t *testing.T) {
	document, env := vfkitDocument(t, rule(t, "host", "udp", freePort(t), ":7000"))
	s := onScreen(t, document, env, filepath.Join(bin, "nixvf-boot"), "--vmm", "vfkit", "--address")
	s.expect("--address: this host cannot reach the guest's address; forward a port instead\r\n")
	s.expect("stand-in guest is up\r\n")
	s.press("\x1d.")
	s.end(0)
}

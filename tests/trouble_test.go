//go:build linux

package tests

import (
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestTrouble: what keeps a guest from coming up is said once, and the VM stays.
func TestTrouble(t *testing.T) {
	document, env := standInDocument(t)
	s := onScreen(t, document, append(env, "VZ_GUEST=stuck"), filepath.Join(bin, "nixvf-boot"), "--vmm", "vfkit")
	const said = `nixvf-boot: the guest does not come up: it is in emergency mode; ` +
		`the console said last: "[ TIME ] Timed out waiting for device /dev/disk/by-label/nixos."`
	s.expect(said)
	s.expect("nixvf-boot: hint: boot with ")
	time.Sleep(3 * time.Second)
	if strings.Contains(s.text(), "does not come up") {
		t.Errorf("it is said again:\n%s", s.text())
	}
	s.press("a")
	s.expect("a")
	s.press("\x1d.")
	s.expect("asked to Stop\r\n")
	s.end(0)
}

// TestTroubleOfOthers: what somebody at a prompt shows is no trouble of the guest's.
func TestTroubleOfOthers(t *testing.T) {
	document, env := standInDocument(t)
	s := onScreen(t, document, env, filepath.Join(bin, "nixvf-boot"), "--vmm", "vfkit")
	s.expect("stand-in guest is up\r\n")
	s.press("\r\nYou are in emergency mode.\r\n")
	s.expect("emergency mode.\r\n")
	time.Sleep(3 * time.Second) // it would have been seen
	if strings.Contains(s.text(), "does not come up") {
		t.Errorf("it is said of another one:\n%s", s.text())
	}
	s.press("\x1d.")
	s.expect("asked to Stop\r\n")
	s.end(0)
}

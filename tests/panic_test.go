//go:build linux

package tests

import (
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// panicText is what the machine's guests print when they panic.
const panicText = "[    1.234567] Run /init as init process\r\n" +
	"[    1.345678] Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000100\r\n" +
	"[    1.345679] CPU: 0 PID: 1 Comm: init Not tainted 6.1.0\r\n" +
	"[    1.345680] Call Trace:\r\n" +
	"[    1.345681] Rebooting in 5 seconds..\r\n"

// TestGoesOn: a guest that starts anew is the same VM, and so is one that shows
// what another kernel has said.
func TestGoesOn(t *testing.T) {
	for guest, prints := range map[string]string{
		"reboot": "reboot: Restarting system\r\nstand-in guest is up again\r\n",
		"shows":  "Rebooting in 5 seconds..\r\n$ ",
	} {
		document, env := standInDocument(t)
		s := onScreen(t, document, append(env, "VZ_GUEST="+guest), filepath.Join(bin, "nixvf-boot"), "--vmm", "vfkit")
		s.expect(prints)
		time.Sleep(3 * time.Second) // longer than a kernel's last line is waited for
		s.press("a")
		s.expect("a")
		s.press("\x1d.")
		s.expect("asked to Stop\r\n")
		s.end(0)
	}
}

// TestPanic: a guest that panics ends with what it said, instead of starting
// anew to panic again.
func TestPanic(t *testing.T) {
	document, env := standInDocument(t)
	s := onScreen(t, document, append(env, "VZ_GUEST=panic"), filepath.Join(bin, "nixvf-boot"), "--vmm", "vfkit")
	s.expect("Rebooting in 5 seconds..\r\n")
	s.expect("nixvf-boot: the guest's kernel panicked: Attempted to kill init! exitcode=0x00000100\r\n")
	s.expect("nixvf-boot: console: [    1.345681] Rebooting in 5 seconds..\r\n")
	s.end(1)
	expectNone(t, env)
}

// TestPanicOfGuest: a real kernel panics in its initrd, and before it can print
// anything.
func TestPanicOfGuest(t *testing.T) {
	needGuest(t)
	tr := newTrial(t)
	document := guestDocument(tr, "nixvf.panic=initrd")
	for params, said := range map[string]string{
		"nixvf.panic=initrd":          "nixvf-boot: the guest's kernel panicked: Attempted to kill init! exitcode=0x00000100\n",
		"nixvf.panic=initrd panic=-1": "nixvf-boot: the guest's kernel panicked: Attempted to kill init! exitcode=0x00000100\n",
		"nixvf.panic=early panic=-1":  "nixvf-boot: the guest restarts again and again, and prints nothing\n",
	} {
		cmd, out := tr.start("sed 's/nixvf.panic=initrd/" + params + "/' " + document + " | nixvf-boot 2>&1 >/dev/null; echo status=$?")
		wait(t, cmd, params)
		if !strings.HasPrefix(out.String(), said) || !strings.HasSuffix(out.String(), "status=1\n") {
			t.Errorf("%s: %s", params, out)
		}
	}
}

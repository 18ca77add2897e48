//go:build linux

package tests

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// plug is a program that has opened a pseudo-terminal by its name.
type plug struct {
	screen
	file *os.File
}

// open opens a console as `screen` would, which makes the terminal raw and
// leaves it so, or as `cat` would.
func open(t *testing.T, name string) *plug {
	t.Helper()
	fd, err := unix.Open(name, unix.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	p := &plug{file: os.NewFile(uintptr(fd), name)}
	p.t = t
	go func() {
		buf := make([]byte, 4096)
		for {
			n, err := p.file.Read(buf)
			p.mu.Lock()
			p.seen.Write(buf[:n])
			p.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() { p.file.Close() })
	return p
}

func (p *plug) press(keys string) {
	p.t.Helper()
	if _, err := p.file.WriteString(keys); err != nil {
		p.t.Fatal(err)
	}
}

// consoleOn changes a document's console.
func consoleOn(t *testing.T, document, device string) {
	t.Helper()
	text, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	changed := bytes.Replace(text, []byte("virtio-serial,stdio"), []byte(device), 1)
	if err := os.WriteFile(document, changed, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestPty prints megabytes to a pseudo-terminal that nobody reads, and then lets
// people open it, leave it in a bad state, and open it again.
func TestPty(t *testing.T) {
	document, env := standInDocument(t)
	consoleOn(t, document, "virtio-serial,pty")
	ended := filepath.Join(filepath.Dir(document), "ended")
	env = append(env, "VZ_GUEST=flood", "VZ_FLOODED="+ended)
	fifo := filepath.Join(filepath.Dir(document), "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd, out := inBackground(t, document, env, "--vmm", "vfkit", "--input", fifo)
	t.Cleanup(func() { expectNone(t, env) })
	out.expect(t, "nixvf-boot: console: /dev/pts/")
	name := "/dev/pts/" + regexp.MustCompile(`\d+`).FindString(out.text())
	expectFile(t, ended, "flooded")

	time.Sleep(1500 * time.Millisecond) // what nobody has read is gone
	if err := os.WriteFile(fifo, []byte("typed\r"), 0); err != nil {
		t.Fatal(err)
	}
	time.Sleep(1500 * time.Millisecond) // and so is a little
	p := open(t, name)
	p.settle()
	if text := p.text(); text != "" {
		t.Errorf("what was printed before was kept: %q", text)
	}
	p.press("hello\r")
	p.expect("hello\r")
	modes := modes(t, p.file)
	modes.Lflag |= unix.ECHO | unix.ICANON
	if err := unix.IoctlSetTermios(int(p.file.Fd()), unix.TCSETS, &modes); err != nil {
		t.Fatal(err)
	}
	p.press("a\n")
	p.expect("a\n")
	p.file.Close()

	p = open(t, name)
	modes.Lflag &^= unix.ICANON
	if err := unix.IoctlSetTermios(int(p.file.Fd()), unix.TCSETS, &modes); err != nil {
		t.Fatal(err)
	}
	p.press("b")
	p.expect("b")
	time.Sleep(200 * time.Millisecond)
	if text := p.text(); len(text) > 4 {
		t.Errorf("an echo goes in circles: %d bytes", len(text))
	}
	p.file.Close()

	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := await(cmd); err != nil {
		t.Error(err)
	}
	if text := out.text(); strings.Contains(text, "xx") {
		t.Errorf("it is printed as well: %q", text)
	}
}

// TestPtyDetached finds the pseudo-terminal of a VM in the background, and takes
// a terminal to the same console.
func TestPtyDetached(t *testing.T) {
	document, env := standInDocument(t)
	consoleOn(t, document, "virtio-serial,pty")
	env = append(env, "VZ_GUEST=asks")
	vm, status, said := detach(t, document, env, "--vmm", "vfkit")
	if status != 0 || said != "" {
		t.Fatalf("status %d, %q", status, said)
	}
	p := open(t, vm.Console)
	p.press("\x1b[24;80R") // what a terminal answers to the guest's boot
	p.press("~")
	p.settle()
	if text := p.text(); !strings.HasSuffix(text, "~") || strings.Contains(text, "24;80R") {
		t.Errorf("the guest's output and input: %q", text)
	}
	s := onScreen(t, document, env, filepath.Join(bin, "nixvf-boot"), "attach", vm.ID)
	s.pressUntil("b")
	p.expect("b")
	p.press("\x1dd")
	p.expect(legible("\x1d") + "d")
	s.press("\x1dd")
	s.end(0)
	vm.stop(t, env)
	p.expect("asked to Stop\r\n")
}

// TestPtyOfGuest opens the console of a real guest, leaves it while the guest
// prints, and opens it again; the last command comes from a FIFO. QEMU itself
// drops what its console does not take, so that no guest waits.
func TestPtyOfGuest(t *testing.T) {
	needGuest(t)
	tr := newTrial(t)
	document, env := guestDocument(tr), tr.env
	consoleOn(t, document, "virtio-serial,pty")
	fifo := filepath.Join(tr.dir, "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	vm, status, said := detach(t, document, env, "--input", fifo)
	if status != 0 || said != "" {
		t.Fatalf("status %d, %q", status, said)
	}
	p := open(t, vm.Console)
	p.expect("nixvf-guest# ")
	p.press("yes 0123456789012345678901234567890 | head -c 200000; echo flooded >/tmp/shared/ended\r")
	p.expect("7890\r\n0123")
	p.file.Close()
	ended, err := filepath.Glob(filepath.Join(tr.dir, "state/nixvf/*/run/xchg"))
	if err != nil || len(ended) != 1 {
		t.Fatalf("the share is %q, %v", ended, err)
	}
	expectFile(t, filepath.Join(ended[0], "ended"), "flooded")

	p = open(t, vm.Console)
	p.press("\recho back $((40+2))\r")
	p.expect("back 42\r\n")
	if err := os.WriteFile(fifo, []byte("poweroff\r"), 0); err != nil {
		t.Fatal(err)
	}
	p.expect("poweroff")
	expectNone(t, tr.mark())
}

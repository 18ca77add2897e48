//go:build linux

package tests

import (
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestRequestLines: the lines of vfkit's HTTP server, which it prints on its
// stdout, reach neither a terminal nor a log, nor hide a panic.
func TestRequestLines(t *testing.T) {
	document, env := standInDocument(t)
	s := onScreen(t, document, append(env, "VZ_GUEST=panics-at-stop"), filepath.Join(bin, "nixvf-boot"), "--vmm", "vfkit")
	s.expect("stand-in guest is up\r\n")
	s.press("\x1d.")
	s.expect("asked to Stop\r\n")
	s.expect("nixvf-boot: the guest's kernel panicked: Attempted to kill init! exitcode=0x00000100\r\n")
	s.end(1)
	if all := s.everything(); strings.Contains(all, "GIN") {
		t.Errorf("the screen held %q", all)
	}
	vm, status, said := detach(t, document, env, "--vmm", "vfkit")
	if status != 0 || said != "" {
		t.Fatalf("status %d, %q", status, said)
	}
	expectFile(t, vm.Console, "stand-in guest is up")
	vm.stop(t, env)
	if log := read(t, vm.Console); log != "stand-in guest is up\r\nasked to Stop\r\n" {
		t.Errorf("the log of the console: %q", log)
	}
}

// TestEnd: what holds the console after the VMM has ended does not delay the
// end, be that a shutdown or by force.
func TestEnd(t *testing.T) {
	document, env := standInDocument(t)
	log := filepath.Join(filepath.Dir(document), "vz.log")
	env = append(env, "VZ_HANDLES_MS=60000", "VZ_LOG="+log)
	for guest, status := range map[string]int{"": 0, "deaf": 125} {
		s := onScreen(t, document, append(env, "VZ_GUEST="+guest), filepath.Join(bin, "nixvf-boot"), "--vmm", "vfkit")
		s.expect("stand-in guest is up\r\n")
		start := time.Now()
		s.press("\x1d.")
		s.expect("asked to Stop\r\n")
		if guest == "deaf" {
			s.press("\x1d.")
		}
		s.end(status)
		if guest == "deaf" {
			expectFile(t, log, "stopped by force") // the framework was asked before anything was killed
		}
		if took := time.Since(start); took > 30*time.Second {
			t.Errorf("%q: the end took %v", guest, took)
		}
		for _, pid := range processes(t, "machine", env) {
			send(t, syscall.SIGKILL, pid)
		}
		expectNone(t, env)
	}
}

// TestAnnounce: a request to stop is heard while the name of a further console's
// pseudo-terminal is looked for, at a vfkit that does not answer.
func TestAnnounce(t *testing.T) {
	document, env := standInDocument(t)
	dir := filepath.Dir(document)
	change(t, document, func(doc map[string]any) {
		doc["argv"] = append(doc["argv"].([]any), "--device", "virtio-serial,pty")
	})
	silentVfkit := filepath.Join(dir, "silent") // it never makes its REST socket
	if err := os.WriteFile(silentVfkit, []byte("#!/bin/sh\n[ \"$1\" != --version ] || exec vfkit --version\nexec sleep 600\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	s := onScreen(t, document, env, filepath.Join(bin, "nixvf-boot"), "--vfkit", silentVfkit, "--vmm", "vfkit", "--stop-timeout", "1s")
	s.expect("console of vm-1")
	silent, err := net.Listen("unix", filepath.Join(dir, "state/nixvf/vm-1/run/rest.sock"))
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	question, err := silent.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer question.Close()
	send(t, syscall.SIGTERM, s.cmd.Process.Pid)
	s.expect("\r\nnixvf-boot: terminated: asking the guest to shut down; ask again to force it\n")
	s.end(124)
	expectNone(t, env)
}

// TestFrozen: a terminal that takes nothing keeps no VM from its end.
func TestFrozen(t *testing.T) {
	document, env := standInDocument(t)
	log := filepath.Join(filepath.Dir(document), "vz.log")
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGHUP} {
		s := onScreen(t, document, append(env, "VZ_GUEST=stream", "VZ_LOG="+log), filepath.Join(bin, "nixvf-boot"), "--vmm", "vfkit", "--stop-timeout", "2s")
		s.expect("y\r\n")
		s.frozen.Store(true)
		time.Sleep(500 * time.Millisecond) // until all on the way is full
		send(t, sig, s.cmd.Process.Pid)
		expectFile(t, log, "stopped by")
		s.frozen.Store(false)
		expectNone(t, env)
		_ = await(s.cmd)
	}
}

// TestLies: a panic's text on the console of a guest that goes on does not pull
// its plug: it is asked, and shuts down.
func TestLies(t *testing.T) {
	document, env := standInDocument(t)
	log := filepath.Join(filepath.Dir(document), "vz.log")
	s := onScreen(t, document, append(env, "VZ_GUEST=lies", "VZ_LOG="+log), filepath.Join(bin, "nixvf-boot"), "--vmm", "vfkit")
	s.expect("Rebooting in 5 seconds..\r\n")
	s.expect("asked to Stop\r\n")
	s.end(0)
	expectFile(t, log, "stopped by itself")
}

// TestMess: what a guest has changed of the terminal is undone, and the
// terminal's answers to its last questions do not reach the shell.
func TestMess(t *testing.T) {
	document, env := standInDocument(t)
	s := onScreen(t, document, append(env, "VZ_GUEST=mess"), filepath.Join(bin, "nixvf-boot"), "--vmm", "vfkit")
	s.expect("stand-in guest is up\r\n")
	s.lag.Store(int64(100 * time.Millisecond)) // they come when the VM has ended
	s.press("\x1d.")
	s.expect("red")
	s.expect("\x1b[?1002l\x1b[?1006l\x1b[?1049l\x1b[?2004l\x1b[0m")
	s.end(0)
	time.Sleep(time.Second) // in which all would have come
	raw := s.modes
	raw.Lflag &^= unix.ICANON // of a line that has not ended nothing could be read
	if err := unix.IoctlSetTermios(int(s.slave.Fd()), unix.TCSETS, &raw); err != nil {
		t.Fatal(err)
	}
	if n, err := unix.IoctlGetInt(int(s.slave.Fd()), unix.TIOCINQ); err != nil || n > 0 {
		t.Errorf("%d bytes are left for the shell (%v)", n, err)
	}
}

// TestVisits: a visit leaves nothing open in the process that runs the VM.
func TestVisits(t *testing.T) {
	document, env := standInDocument(t)
	vm, status, said := detach(t, document, env, "--vmm", "vfkit")
	if status != 0 {
		t.Fatalf("status %d, %q", status, said)
	}
	t.Cleanup(func() { vm.stop(t, env) })
	visit := func() {
		s := onScreen(t, document, env, filepath.Join(bin, "nixvf-boot"), "attach", "vm-1")
		s.pressUntil("a")
		s.press("\x1dd")
		s.end(0)
	}
	visit() // the first one leaves what all later ones use
	before := openFiles(t, vm.PID)
	for range 3 {
		visit()
	}
	for deadline := time.Now().Add(10 * time.Second); openFiles(t, vm.PID) > before && time.Now().Before(deadline); {
		time.Sleep(50 * time.Millisecond)
	}
	if after := openFiles(t, vm.PID); after > before {
		t.Errorf("%d files are open after three visits, %d before", after, before)
	}
}

// TestDeafSupervisor: attach ends when it is told to, although the process that
// runs the VM is stopped.
func TestDeafSupervisor(t *testing.T) {
	document, env := standInDocument(t)
	vm, status, said := detach(t, document, env, "--vmm", "vfkit")
	if status != 0 {
		t.Fatalf("status %d, %q", status, said)
	}
	t.Cleanup(func() {
		send(t, syscall.SIGCONT, vm.PID)
		vm.stop(t, env)
	})
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		s := onScreen(t, document, env, filepath.Join(bin, "nixvf-boot"), "attach", "vm-1")
		s.pressUntil("a")
		send(t, syscall.SIGSTOP, vm.PID)
		send(t, sig, s.cmd.Process.Pid)
		s.end(128 + int(sig))
		send(t, syscall.SIGCONT, vm.PID)
	}
}

// TestStopped: a front that the shell stops gives the terminal back, and takes
// it again when it goes on in the foreground.
func TestStopped(t *testing.T) {
	document, env := standInDocument(t)
	script := filepath.Join(bin, "nixvf-boot") + " --vmm vfkit; echo stopped; read x </dev/tty; fg; echo status=$?"
	s := onScreen(t, document, env, "bash", "-mc", script)
	s.expect("stand-in guest is up\r\n")
	s.press("a")
	s.expect("a")
	for _, pid := range processes(t, "nixvf-boot", env) {
		if args := read(t, "/proc/"+strconv.Itoa(pid)+"/cmdline"); !strings.Contains(args, "--supervise") {
			send(t, syscall.SIGTSTP, pid)
		}
	}
	s.expect("stopped\r\n")
	s.expectRestored()
	s.press("go on\r")
	s.pressUntil("b")
	s.press("\x1d.")
	s.expect("asked to Stop\r\n")
	s.expect("status=0\r\n")
	s.end(0)
}

func openFiles(t *testing.T, pid int) int {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join("/proc", strconv.Itoa(pid), "fd"))
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// TestKilledSupervisor: the VMM does not outlive the process that runs the VM,
// whatever console the VM has. (As on a Mac, there is no parent-death signal.)
func TestKilledSupervisor(t *testing.T) {
	for _, device := range []string{"virtio-serial,stdio", "virtio-rng"} {
		document, env := standInDocument(t)
		consoleOn(t, document, device)
		vm, status, said := detach(t, document, env, "--vmm", "vfkit")
		if status != 0 {
			t.Fatalf("%s: status %d, %q", device, status, said)
		}
		send(t, syscall.SIGKILL, vm.PID)
		expectNone(t, env)
	}
}

//go:build linux

package tests

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

// patience is how long a test waits for what should come soon. A guest under
// an emulated CPU takes its time on a busy machine.
const patience = 3 * time.Minute

// screen is a terminal on which a command runs, and a person before it. It
// answers questions as an xterm does.
type screen struct {
	t      *testing.T
	cmd    *exec.Cmd
	master *os.File
	slave  *os.File
	modes  unix.Termios // before the command started
	asked  []byte       // the last of what came, in which a question may have begun
	mu     sync.Mutex
	seen   bytes.Buffer
	all    bytes.Buffer // from the beginning
	lag    atomic.Int64 // how long an answer takes
	frozen atomic.Bool  // it takes no output
}

// onScreen runs a command with document as its stdin and a terminal for the
// rest, as at the end of a pipeline.
func onScreen(t *testing.T, document string, env []string, name string, args ...string) *screen {
	t.Helper()
	master, slave := openPty(t)
	stdin, err := os.Open(document)
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	cmd := exec.Command(name, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, slave, slave
	cmd.Env = append(os.Environ(), env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true, Ctty: 1}
	s := &screen{t: t, cmd: cmd, master: master, slave: slave, modes: modes(t, slave)}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go s.watch()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		master.Close()
		slave.Close()
	})
	return s
}

// openPty returns a pseudo-terminal of 24 lines of which the first file can be
// closed while it is read.
func openPty(t *testing.T) (master, slave *os.File) {
	t.Helper()
	master, slave, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer master.Close()
	if err := pty.Setsize(master, &pty.Winsize{Rows: 24, Cols: 80}); err != nil {
		t.Fatal(err)
	}
	fd, err := unix.FcntlInt(master.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err == nil {
		err = unix.SetNonblock(fd, true)
	}
	if err != nil {
		t.Fatal(err)
	}
	return os.NewFile(uintptr(fd), master.Name()), slave
}

func modes(t *testing.T, f *os.File) unix.Termios {
	t.Helper()
	m, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	return *m
}

func (s *screen) watch() {
	buf := make([]byte, 4096)
	for {
		n, err := s.master.Read(buf)
		s.mu.Lock()
		s.seen.Write(buf[:n])
		s.all.Write(buf[:n])
		s.mu.Unlock()
		s.answer(buf[:n])
		if err != nil {
			return
		}
		for s.frozen.Load() {
			time.Sleep(10 * time.Millisecond)
		}
	}
}

// everything is all that has come to the screen.
func (s *screen) everything() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.all.String()
}

func (s *screen) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seen.String()
}

// expect waits until want stands on the screen, and clears it up to there.
func (s *screen) expect(want string) {
	s.t.Helper()
	s.expectWithin(want, patience)
}

// expectWithin is expect for what takes its time.
func (s *screen) expectWithin(want string, wait time.Duration) {
	s.t.Helper()
	for deadline := time.Now().Add(wait); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		s.mu.Lock()
		if i := bytes.Index(s.seen.Bytes(), []byte(want)); i >= 0 {
			s.seen.Next(i + len(want))
			s.mu.Unlock()
			return
		}
		s.mu.Unlock()
	}
	s.t.Fatalf("%q did not appear; the screen holds %q", want, s.text())
}

// expectBoth waits until both stand on the screen, whichever comes first, and
// clears it up to there.
func (s *screen) expectBoth(a, b string) {
	s.t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if text := s.text(); strings.Contains(text, a) && strings.Contains(text, b) {
			first, second := a, b
			if strings.Index(text, b) < strings.Index(text, a) {
				first, second = b, a
			}
			s.expect(first)
			s.expect(second)
			return
		}
	}
	s.t.Fatalf("%q and %q did not both appear; the screen holds %q", a, b, s.text())
}

// settle waits until all that was written has come to the screen.
func (s *screen) settle() {
	for last := ""; ; {
		time.Sleep(100 * time.Millisecond)
		text := s.text()
		if text == last {
			return
		}
		last = text
	}
}

func (s *screen) press(keys string) {
	s.t.Helper()
	if _, err := s.master.WriteString(keys); err != nil {
		s.t.Fatal(err)
	}
}

// pressUntil presses a key that comes back, when the other side has come.
func (s *screen) pressUntil(key string) {
	s.t.Helper()
	for deadline := time.Now().Add(patience); modes(s.t, s.slave) == s.modes; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			s.t.Fatalf("the terminal is not taken; the screen holds %q", s.text())
		}
	}
	s.press(key)
	s.expect(strings.TrimSuffix(key, "\r"))
}

// expectRestored waits until the terminal is as it was.
func (s *screen) expectRestored() {
	s.t.Helper()
	for deadline := time.Now().Add(patience); modes(s.t, s.slave) != s.modes; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			s.t.Fatalf("terminal modes stay %+v", modes(s.t, s.slave))
		}
	}
}

// resize gives the terminal another size, which the kernel says to those before
// it.
func (s *screen) resize(rows, cols uint16) {
	s.t.Helper()
	if err := pty.Setsize(s.slave, &pty.Winsize{Rows: rows, Cols: cols}); err != nil {
		s.t.Fatal(err)
	}
}

// end waits for the command's end and checks its status, and that the terminal
// is as it was.
func (s *screen) end(status int) {
	s.t.Helper()
	ended := make(chan error, 1)
	go func() { ended <- s.cmd.Wait() }()
	select {
	case err := <-ended:
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			s.t.Fatal(err)
		}
	case <-time.After(patience):
		s.t.Fatalf("it does not end; the screen holds %q", s.text())
	}
	if got := s.cmd.ProcessState.ExitCode(); got != status {
		s.t.Errorf("exit status %d, want %d; the screen holds %q", got, status, s.text())
	}
	if after := modes(s.t, s.slave); after != s.modes {
		s.t.Errorf("terminal modes changed from %+v to %+v", s.modes, after)
	}
}

// standInDocument writes a launch document for vfkit and returns its
// path and the environment to run it in.
func standInDocument(t *testing.T) (document string, env []string) {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"kernel", "initrd"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	document = filepath.Join(dir, "launch.json")
	text := strings.ReplaceAll(`{"id": "vm-1", "directories": [{"path": "@/state/nixvf/vm-1/run/xchg", "temporary": true}],
		"disks": [{"path": "@/disk.raw", "size": 67108864, "format": "ext4", "fsLabel": "nixos"}],
		"argv": ["vfkit", "--kernel", "@/kernel", "--initrd", "@/initrd", "--kernel-cmdline", "x",
		"--device", "virtio-blk,path=@/disk.raw", "--device", "virtio-serial,stdio"]}`, "@", dir)
	if err := os.WriteFile(document, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return document, []string{"XDG_STATE_HOME=" + filepath.Join(dir, "state"), vfkitPath(t)}
}

// change changes a launch document in place.
func change(t *testing.T, document string, f func(doc map[string]any)) {
	t.Helper()
	var doc map[string]any
	if err := json.Unmarshal([]byte(read(t, document)), &doc); err != nil {
		t.Fatal(err)
	}
	f(doc)
	data, err := json.Marshal(doc)
	if err == nil {
		err = os.WriteFile(document, data, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestTerminalIsRaw(t *testing.T) {
	document, env := standInDocument(t)
	s := onScreen(t, document, env, filepath.Join(bin, "nixvf-boot"), "--vmm", "vfkit")
	s.expect("ctrl-] d leaves it running, ctrl-] . shuts it down, twice forces it\r\n")
	s.expect("stand-in guest is up\r\n")
	// an arrow, ^C ^Z ^\ ^S ^Q ^D, carriage return, and ctrl-] for the guest
	for _, key := range []string{"\x1b[A", "\x03", "\x1a", "\x1c", "\x13", "\x11", "\x04", "\r", "\x1d\x1d", "\x1dx"} {
		s.press(key)
		s.expect(strings.Replace(key, "\x1d\x1d", "\x1d", 1))
	}
	s.press("\x1d.")
	s.expect("asking the guest to shut down; ask again to force it")
	s.expect("asked to Stop\r\n")
	s.end(0)
}

// TestTerminalTwiceForces asks twice, with keys or signals, whatever comes first.
func TestTerminalTwiceForces(t *testing.T) {
	keys := func(s *screen) { s.press("\x1d.") }
	sent := func(sig syscall.Signal) func(*screen) {
		return func(s *screen) { send(t, sig, s.cmd.Process.Pid) }
	}
	for _, ask := range [][2]func(*screen){
		{keys, keys},
		{sent(syscall.SIGTERM), sent(syscall.SIGTERM)},
		{sent(syscall.SIGINT), sent(syscall.SIGHUP)},
		{keys, sent(syscall.SIGTERM)},
	} {
		document, env := standInDocument(t)
		s := onScreen(t, document, append(env, "VZ_GUEST=deaf"), filepath.Join(bin, "nixvf-boot"), "--vmm", "vfkit")
		s.expect("stand-in guest is up\r\n")
		ask[0](s)
		s.expect("asked to Stop\r\n")
		ask[1](s)
		s.expect("asked twice: ending vfkit by force")
		s.end(125) // as nixvf-boot --help says
	}
}

// TestTerminalAsksAgain: a guest that is still booting hears nothing the first time.
func TestTerminalAsksAgain(t *testing.T) {
	document, env := standInDocument(t)
	s := onScreen(t, document, append(env, "VZ_GUEST=boots"), filepath.Join(bin, "nixvf-boot"), "--vmm", "vfkit")
	s.expect("stand-in guest is up\r\n")
	s.press("\x1d.")
	s.expect("asked to Stop\r\n")
	s.expect("asked to Stop\r\n")
	s.end(0)
}

func TestTerminalStopTimeout(t *testing.T) {
	document, env := standInDocument(t)
	s := onScreen(t, document, append(env, "VZ_GUEST=deaf"), filepath.Join(bin, "nixvf-boot"), "--vmm", "vfkit", "--stop-timeout", "1s")
	s.expect("stand-in guest is up\r\n")
	s.press("\x1d.")
	s.expect("the guest did not stop within 1s: ending vfkit by force")
	s.end(124) // as nixvf-boot --help says
}

// TestTerminalGroup sends a signal to the process group at the terminal: the
// VMM does not get it, and nixvf-boot takes it for one request.
func TestTerminalGroup(t *testing.T) {
	document, env := standInDocument(t)
	s := onScreen(t, document, env, filepath.Join(bin, "nixvf-boot"), "--vmm", "vfkit")
	s.expect("stand-in guest is up\r\n")
	if err := syscall.Kill(-s.cmd.Process.Pid, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	s.expect("asked to Stop\r\n")
	s.end(0)
}

// TestTerminalOfJob runs a job in the background, which leaves the terminal to the
// shell before it.
func TestTerminalOfJob(t *testing.T) {
	document, env := standInDocument(t)
	job := filepath.Join(bin, "nixvf-boot") + " --vmm vfkit <" + document
	s := onScreen(t, document, env, "bash", "-mc", job+" & wait")
	t.Cleanup(func() { expectNone(t, env) })
	s.expect("stand-in guest is up")
	if now := modes(t, s.slave); now != s.modes {
		t.Errorf("the job has changed the terminal's modes to %+v", now)
	}
	send(t, syscall.SIGTERM, processes(t, "nixvf-boot", env)...)
	s.expect("asked to Stop")
	s.end(0)
}

// TestTerminalAfterKill kills nixvf-boot itself: the client, whose end
// the supervisor notices, and the supervisor, which cannot restore the terminal then. A
// guard does that.
func TestTerminalAfterKill(t *testing.T) {
	for _, victim := range []string{"client", "supervisor"} {
		document, env := standInDocument(t)
		log := filepath.Join(filepath.Dir(document), "vz.log")
		env = append(env, "VZ_LOG="+log, "VZ_STOP_MS=1500")
		s := onScreen(t, document, env, filepath.Join(bin, "nixvf-boot"), "--vmm", "vfkit")
		s.expect("stand-in guest is up\r\n")
		if modes(t, s.slave) == s.modes {
			t.Error("the terminal is not raw while the VM runs")
		}
		for _, pid := range processes(t, "nixvf-boot", env) {
			if (pid == s.cmd.Process.Pid) == (victim == "client") {
				send(t, syscall.SIGKILL, pid)
			}
		}
		_ = await(s.cmd) // it was killed, or ends for that
		s.expectRestored()
		// A shell is there at once, and the VM may take its time.
		if victim == "client" && strings.Contains(read(t, log), "stopped by force") {
			t.Error("the terminal is restored only after the VM's end")
		}
		if got := s.cmd.ProcessState.ExitCode(); victim == "supervisor" && got != 128+int(syscall.SIGKILL) {
			t.Errorf("exit status %d", got)
		}
		expectNone(t, env)
	}
}

// TestTerminalAfterKillOfVMM kills the VMM, which nixvf-boot survives.
func TestTerminalAfterKillOfVMM(t *testing.T) {
	document, env := standInDocument(t)
	s := onScreen(t, document, env, filepath.Join(bin, "nixvf-boot"), "--vmm", "vfkit")
	s.expect("stand-in guest is up\r\n")
	send(t, syscall.SIGKILL, processes(t, "vfkit", env)...)
	s.expect("nixvf-boot: vfkit was ended by a signal: killed\r\n")
	s.end(128 + int(syscall.SIGKILL))
	expectNone(t, env)
}

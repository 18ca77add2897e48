//go:build linux

package tests

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nixvf/nixvf/pkg/place"
	"github.com/nixvf/nixvf/pkg/sockets"
)

// trial is a directory in which pipelines are started and interrupted. What
// runs there is known by its environment.
type trial struct {
	t   *testing.T
	dir string
	env []string
}

func newTrial(t *testing.T) *trial {
	t.Helper()
	dir := t.TempDir()
	tr := &trial{t: t, dir: dir, env: []string{
		"NIXVF_TRIAL=" + dir, "XDG_STATE_HOME=" + dir + "/state", "XDG_CACHE_HOME=" + dir + "/cache", "TMPDIR=" + dir + "/tmp",
		vfkitPath(t)}}
	if err := os.Mkdir(filepath.Join(dir, "tmp"), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { expectNone(t, tr.mark()) })
	return tr
}

func (tr *trial) mark() []string { return []string{"NIXVF_TRIAL=" + tr.dir} }

func (tr *trial) write(name, text string) {
	tr.t.Helper()
	text = strings.ReplaceAll(text, "@", tr.dir)
	if err := os.WriteFile(filepath.Join(tr.dir, name), []byte(text), 0o600); err != nil {
		tr.t.Fatal(err)
	}
}

// start starts a shell command in the trial's directory. Its output collects
// in the returned buffer, to be read after it has ended.
func (tr *trial) start(command string) (*exec.Cmd, *bytes.Buffer) {
	tr.t.Helper()
	var out bytes.Buffer
	cmd := exec.Command("bash", "-c", command)
	cmd.Dir, cmd.Env = tr.dir, append(os.Environ(), tr.env...)
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.WaitDelay = patience
	if err := cmd.Start(); err != nil {
		tr.t.Fatal(err)
	}
	return cmd, &out
}

// signal sends a signal to a tool, if it runs.
func (tr *trial) signal(tool string, sig syscall.Signal) {
	for _, pid := range processes(tr.t, tool, tr.mark()) {
		if err := syscall.Kill(pid, sig); err != nil && !errors.Is(err, syscall.ESRCH) {
			tr.t.Error(err)
		}
	}
}

// expected are the files that may lie in a state directory when no VM runs. The
// last kind is locks on disks, whose VMM was killed.
var expected = regexp.MustCompile(`^(lock|sockets|\.?record\.json|[a-z]+\.log|[a-zA-Z]+\.raw|roots.*|[0-9a-f]+-[0-9a-f]+)$`)

// expectClean checks that nothing is left but what shall stay.
func (tr *trial) expectClean(what string) {
	tr.t.Helper()
	expectNone(tr.t, tr.mark())
	vm := filepath.Join(tr.dir, "state", "nixvf")
	ids, _ := os.ReadDir(vm)
	for _, id := range ids {
		tr.expectNoSockets(what, place.VM{ID: id.Name(), Dir: filepath.Join(vm, id.Name())})
		files, err := os.ReadDir(filepath.Join(vm, id.Name()))
		if err != nil {
			tr.t.Fatal(err)
		}
		for _, f := range files {
			if !expected.MatchString(f.Name()) {
				tr.t.Errorf("%s: %s is left in the state directory", what, f.Name())
			}
		}
	}
	if left, _ := filepath.Glob(tr.dir + "/tmp/*"); len(left) > 0 {
		tr.t.Errorf("%s: %q is left", what, left)
	}
	tr.expectWholeDisk(what)
}

// expectNoSockets checks that the directory of sockets that a VM has outside of
// its own, if there is one, is empty.
func (tr *trial) expectNoSockets(what string, vm place.VM) {
	tr.t.Helper()
	dir, err := sockets.Find(vm, os.Getuid())
	if err != nil {
		return
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		tr.t.Errorf("%s: %v is left in %s (%v)", what, left, dir, err)
	}
	_ = os.Remove(dir)
}

// expectWholeDisk checks that the disk is absent or complete.
func (tr *trial) expectWholeDisk(what string) {
	tr.t.Helper()
	disks, _ := filepath.Glob(filepath.Join(tr.dir, "state/nixvf/*/*.raw"))
	for _, disk := range disks {
		// An interrupted guest leaves a journal, which is then replayed.
		check, err := exec.Command("e2fsck", "-fp", disk).CombinedOutput()
		var exit *exec.ExitError
		if errors.As(err, &exit) && exit.ExitCode() == 1 {
			err = nil
		}
		if err != nil {
			tr.t.Errorf("%s: %s is no whole file system: %v\n%s", what, disk, err, check)
		}
	}
}

// wait waits for a pipeline, whose end may be a failure.
func wait(t *testing.T, cmd *exec.Cmd, what string) {
	t.Helper()
	var exit *exec.ExitError
	if err := await(cmd); err != nil && !errors.As(err, &exit) {
		t.Errorf("%s: %v", what, err)
	}
}

// finish waits for a pipeline. If the signal came too late or too early, its
// VM runs, and stops when asked.
func (tr *trial) finish(cmd *exec.Cmd, what string) {
	tr.t.Helper()
	ended := make(chan struct{})
	go func() {
		wait(tr.t, cmd, what)
		close(ended)
	}()
	for range 60 {
		select {
		case <-ended:
			return
		case <-time.After(500 * time.Millisecond):
			tr.signal("nixvf-boot", syscall.SIGTERM)
		}
	}
	tr.t.Errorf("%s: it does not end", what)
	tr.signal("", syscall.SIGKILL)
	<-ended
}

// rounds is how often each random trial is made.
func rounds(few int) int {
	if os.Getenv("NIXVF_FULL") != "" {
		return 10 * few
	}
	return few
}

var stages = []string{"nixvf-disk", "nixvf-args", "nixvf-boot"}

var signals = []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGKILL}

// TestInterrupted sends signals at random moments to the stages of a pipeline.
func TestInterrupted(t *testing.T) {
	tr := newTrial(t)
	tr.write("kernel", "")
	tr.write("initrd", "")
	tr.write("boot.json", `{"kernel": "@/kernel", "initrd": "@/initrd", "init": "/init", "kernel-params": [],
		"name": "vm", "virtualisation": {"diskSize": 64, "emptyDiskImages": [8], "sharedDirectories":
		{"xchg": {"source": "$TMPDIR/xchg", "target": "/tmp/xchg"}}}}`)
	for round := range rounds(5) {
		for _, stage := range stages {
			for _, sig := range signals {
				delay := time.Duration(rand.IntN(120)) * time.Millisecond
				what := fmt.Sprintf("round %d, %v to %s after %v", round, sig, stage, delay)
				cmd, out := tr.start("nixvf-disk <boot.json | nixvf-args | nixvf-boot --vmm vfkit")
				time.Sleep(delay)
				tr.signal(stage, sig)
				tr.finish(cmd, what)
				if sig == syscall.SIGKILL {
					// What is left now, the next start clears.
					expectNone(t, tr.mark())
					again, _ := tr.start("VZ_GUEST=poweroff; export VZ_GUEST; nixvf-disk <boot.json | nixvf-args | nixvf-boot --vmm vfkit")
					wait(t, again, what)
				}
				tr.expectClean(what)
				if t.Failed() {
					t.Fatalf("%s; it printed:\n%s", what, out)
				}
			}
		}
	}
}

// TestEphemeralKilled kills the tools of ephemeral VMs at random moments. The
// next start takes away what they left.
func TestEphemeralKilled(t *testing.T) {
	tr := newTrial(t)
	tr.write("kernel", "")
	tr.write("initrd", "")
	tr.write("boot.json", `{"kernel": "@/kernel", "initrd": "@/initrd", "init": "/init", "kernel-params": [],
		"name": "vm", "virtualisation": {"diskSize": 64, "sharedDirectories": {"xchg": {"source": "$TMPDIR/xchg", "target": "/tmp/xchg"}}}}`)
	const run = "nixvf-args --ephemeral <boot.json | nixvf-boot --vmm vfkit"
	state := filepath.Join(tr.dir, "state/nixvf")
	for range rounds(5) {
		delay := time.Duration(rand.IntN(400)) * time.Millisecond
		cmd, _ := tr.start(run)
		time.Sleep(delay)
		ended := make(chan struct{})
		go func() {
			wait(t, cmd, "killed")
			close(ended)
		}()
		for running := true; running; { // what has only just been started is killed as well
			tr.signal("", syscall.SIGKILL)
			select {
			case <-ended:
				running = false
			case <-time.After(20 * time.Millisecond):
			}
		}
		expectNone(t, tr.mark())
	}
	// What was just being made or removed is let alone for a minute.
	old := time.Now().Add(-2 * time.Minute)
	entries, _ := os.ReadDir(state)
	for _, e := range entries {
		if err := os.Chtimes(filepath.Join(state, e.Name()), old, old); err != nil {
			t.Fatal(err)
		}
	}
	cmd, out := tr.start("VZ_GUEST=poweroff; export VZ_GUEST; " + run)
	if err := await(cmd); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	entries, err := os.ReadDir(state)
	for _, e := range entries {
		if e.Name() != ".disks" {
			t.Errorf("%s is left", e.Name())
		}
	}
	if err != nil {
		t.Error(err)
	}
}

// TestClosedPipe takes away the reader of each stage.
func TestClosedPipe(t *testing.T) {
	tr := newTrial(t)
	tr.write("kernel", "")
	tr.write("initrd", "")
	tr.write("boot.json", `{"kernel": "@/kernel", "initrd": "@/initrd", "init": "/init", "kernel-params": [],
		"name": "vm", "virtualisation": {"diskSize": 64, "sharedDirectories": {}}}`)
	for _, command := range []string{
		"nixvf-disk <boot.json | true",
		"nixvf-disk <boot.json | head -c 10 >/dev/null",
		"nixvf-args <boot.json | true",
		"nixvf-args <boot.json | head -c 10 | nixvf-boot --vmm vfkit",
		"nixvf-args <boot.json | nixvf-boot --vmm vfkit | true",
		"nixvf-args <boot.json | nixvf-boot --vmm vfkit | head -c 3",
		"nixvf-args <boot.json | nixvf-boot --dry-run --vmm vfkit | true",
	} {
		cmd, out := tr.start(command)
		wait(t, cmd, command)
		tr.expectClean(command)
		if strings.Contains(out.String(), "panic") {
			t.Errorf("%s: %s", command, out)
		}
	}
}

// TestLaterStage interrupts a later stage, when the earlier ones have nothing to
// write yet: they end with it.
func TestLaterStage(t *testing.T) {
	tr := newTrial(t)
	cmd, out := tr.start("mkfifo never && exec 3<>never && nixvf-disk <&3 | nixvf-args | nixvf-boot")
	for len(processes(t, "nixvf-boot", tr.mark())) == 0 {
		time.Sleep(10 * time.Millisecond)
	}
	tr.signal("nixvf-boot", syscall.SIGTERM)
	wait(t, cmd, "nixvf-boot")
	if out.Len() > 0 && strings.Count(out.String(), "\n") > 1 {
		t.Errorf("said %q", out)
	}
}

// TestStopIsAsked checks that a guest gets the chance to shut down, whatever
// the signal, and when it comes to the whole process group.
func TestStopIsAsked(t *testing.T) {
	document, env := standInDocument(t)
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP} {
		for _, group := range []bool{false, true} {
			stdin, err := os.Open(document)
			if err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command(filepath.Join(bin, "nixvf-boot"), "--vmm", "vfkit")
			cmd.Stdin, cmd.Env = stdin, append(os.Environ(), env...)
			cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
			out := &lines{}
			cmd.Stdout = out
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			stdin.Close()
			out.expect(t, "stand-in guest is up")
			target := cmd.Process.Pid
			if group {
				target = -target
			}
			if err := syscall.Kill(target, sig); err != nil {
				t.Fatal(err)
			}
			if err := await(cmd); err != nil {
				t.Errorf("%v: %v", sig, err)
			}
			out.expect(t, "asked to Stop")
		}
	}
}

// TestInterruptedEval interrupts an evaluation and its build.
func TestInterruptedEval(t *testing.T) {
	needGuest(t)
	tr := newTrial(t)
	if out, err := exec.Command("guest/make-flake", filepath.Join(tr.dir, "flake")).CombinedOutput(); err != nil {
		t.Fatalf("make-flake: %v\n%s", err, out)
	}
	for range rounds(3) {
		for _, sig := range signals {
			delay := time.Duration(rand.IntN(1200)) * time.Millisecond
			what := fmt.Sprintf("%v after %v", sig, delay)
			cmd, out := tr.start("cd flake && exec nixvf-eval .#darwinVM 2>../stderr")
			time.Sleep(delay)
			tr.signal("nixvf-eval", sig)
			wait(t, cmd, what)
			expectNone(t, tr.mark())
			if sig != syscall.SIGKILL {
				tr.expectClean(what)
			}
			if code := cmd.ProcessState.ExitCode(); code != 0 && out.Len() > 0 {
				t.Errorf("%s: status %d, but a document: %s", what, code, out)
			}
		}
	}
}

// TestInterruptedGuest interrupts nixvf-boot while QEMU runs a real guest.
func TestInterruptedGuest(t *testing.T) {
	needGuest(t)
	tr := newTrial(t)
	document := guestDocument(tr)
	for _, sig := range signals {
		delay := time.Duration(rand.IntN(8000)) * time.Millisecond
		what := fmt.Sprintf("%v after %v", sig, delay)
		cmd, out := tr.start("exec nixvf-boot <" + document)
		time.Sleep(delay)
		tr.signal("nixvf-boot", sig)
		wait(t, cmd, what)
		expectNone(t, tr.mark())
		if sig != syscall.SIGKILL {
			tr.expectClean(what)
			if code := cmd.ProcessState.ExitCode(); code != 0 && code != 128+int(sig) {
				t.Errorf("%s: status %d; it printed %s", what, code, out)
			}
		}
	}
	cmd, out := tr.start("NIXVF_KERNEL_PARAMS=nixvf.check; exec nixvf-boot <" + document)
	for deadline := time.Now().Add(patience); len(processes(t, "qemu-system-", tr.mark())) == 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("the start after a kill: no QEMU; it printed %s", out)
		}
	}
	tr.signal("nixvf-boot", syscall.SIGTERM)
	wait(t, cmd, "the start after a kill")
	tr.expectClean("the start after a kill")
}

// lines collects a command's output while it runs.
type lines struct {
	screen
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.seen.Write(p)
}

func (l *lines) expect(t *testing.T, want string) {
	t.Helper()
	l.t = t
	l.screen.expect(want)
}

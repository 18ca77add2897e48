//go:build linux

package tests

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// backgroundVM is what nixvf-boot --detach prints.
type backgroundVM struct {
	ID      string            `json:"id"`
	PID     int               `json:"pid"`
	Console string            `json:"console"`
	Sockets map[string]string `json:"sockets"`
}

// detach runs nixvf-boot --detach as a script does, which reads all that comes
// from it until nobody can write any more.
func detach(t *testing.T, document string, env []string, args ...string) (vm backgroundVM, status int, said string) {
	t.Helper()
	stdin, err := os.Open(document)
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	cmd := exec.Command(filepath.Join(bin, "nixvf-boot"), append([]string{"--detach"}, args...)...)
	var out, errs bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, &out, &errs
	cmd.Env = append(os.Environ(), env...)
	cmd.WaitDelay = patience
	_ = cmd.Run() // its status is read off ProcessState
	if status = cmd.ProcessState.ExitCode(); status == 0 {
		if err := json.Unmarshal(out.Bytes(), &vm); err != nil {
			t.Fatalf("stdout is no JSON: %v: %q", err, out.String())
		}
	} else if out.Len() > 0 {
		t.Errorf("a failure prints %q on stdout", out.String())
	}
	return vm, status, errs.String()
}

// stop ends a VM in the background as its user would.
func (vm backgroundVM) stop(t *testing.T, env []string) {
	t.Helper()
	if err := syscall.Kill(vm.PID, syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	expectNone(t, env)
}

// expectFile waits until a file holds text.
func expectFile(t *testing.T, path, text string) {
	t.Helper()
	var data []byte
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if data, _ = os.ReadFile(path); strings.Contains(string(data), text) {
			return
		}
	}
	t.Errorf("%s does not hold %q but %q", path, text, data)
}

// TestDetach runs VMs in the background, two side by side, and none twice.
func TestDetach(t *testing.T) {
	document, env := standInDocument(t)
	vm, status, said := detach(t, document, env, "--vmm", "vfkit")
	if status != 0 || said != "" {
		t.Fatalf("status %d, %q", status, said)
	}
	t.Cleanup(func() { expectNone(t, env) })
	dir := strings.TrimPrefix(env[0], "XDG_STATE_HOME=") + "/nixvf/vm-1/"
	if vm.ID != "vm-1" || vm.Console != dir+"console.log" || vm.Sockets["rest"] != dir+"run/rest.sock" ||
		vm.Sockets["console"] != dir+"run/console.sock" {
		t.Errorf("%+v", vm)
	}
	expectPrivate(t, dir)
	expectFile(t, vm.Console, "stand-in guest is up")

	_, status, said = detach(t, document, env, "--vmm", "vfkit")
	if want := "nixvf-boot: vm-1 is running already, as process " + strconv.Itoa(vm.PID) + "\n"; status != 1 || said != want {
		t.Errorf("the same again: status %d, %q", status, said)
	}

	text, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	second := filepath.Join(filepath.Dir(document), "second.json")
	changed := strings.NewReplacer("vm-1", "vm-2", "disk.raw", "disk2.raw").Replace(string(text))
	if err := os.WriteFile(second, []byte(changed), 0o600); err != nil {
		t.Fatal(err)
	}
	other, status, said := detach(t, second, env, "--vmm", "vfkit")
	if status != 0 || other.PID == vm.PID {
		t.Fatalf("another VM: status %d, %q, %+v", status, said, other)
	}
	if err := syscall.Kill(other.PID, syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	expectFile(t, other.Console, "asked to Stop")
	vm.stop(t, env)
	expectFile(t, vm.Console, "asked to Stop")
	if _, err := os.Lstat(dir + "run"); !os.IsNotExist(err) {
		t.Errorf("the run directory is left: %v", err)
	}

	again, status, said := detach(t, document, env, "--vmm", "vfkit")
	if status != 0 {
		t.Fatalf("the next start: status %d, %q", status, said)
	}
	again.stop(t, env)
	if log, _ := os.ReadFile(again.Console); strings.Count(string(log), "guest is up") != 2 {
		t.Errorf("the log of two runs: %q", log)
	}
}

// expectPrivate checks that what was made below a directory is this user's alone.
func expectPrivate(t *testing.T, dir string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.Type() == os.ModeSocket { // a socket's directory is what counts
			return err
		}
		info, err := d.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: mode %v", path, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// TestRecycled finds a lock whose owner's process id another process has by now:
// that one is not said to be the owner, and is no owner.
func TestRecycled(t *testing.T) {
	document, env := standInDocument(t)
	path := filepath.Join(filepath.Dir(document), "state/nixvf/vm-1/lock")
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	recycled := strconv.Itoa(os.Getpid())
	if err := os.WriteFile(path, []byte(recycled+"-1.another\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	held, err := os.Open(path)
	if err == nil {
		err = syscall.Flock(int(held.Fd()), syscall.LOCK_EX)
	}
	if err != nil {
		t.Fatal(err)
	}
	_, status, said := detach(t, document, env, "--vmm", "vfkit")
	want := "nixvf-boot: vm-1 is running already, as what process " + recycled + " left behind when it ended\n"
	if status != 1 || said != want {
		t.Errorf("status %d, %q", status, said)
	}
	held.Close()
	vm, status, said := detach(t, document, env, "--vmm", "vfkit")
	if status != 0 || said != "" {
		t.Fatalf("the lock is nobody's: status %d, %q", status, said)
	}
	vm.stop(t, env)
}

// TestDetachFails reports what goes wrong before the VM runs where it was
// started.
func TestDetachFails(t *testing.T) {
	document, env := standInDocument(t)
	vm, status, said := detach(t, document, append(env, "VZ_START_ERROR=no-start"), "--vmm", "vfkit")
	if status != 1 || !strings.Contains(said, "nixvf-boot: vfkit ended with status 1: ") || !strings.Contains(said, "no-start") {
		t.Errorf("status %d, %q, %+v", status, said, vm)
	}
	_, status, said = detach(t, document, env, "--vmm", "vfkit", "--vfkit", "/nowhere/vfkit")
	if status != 1 || !strings.HasPrefix(said, "nixvf-boot: /nowhere/vfkit: no such program\n") {
		t.Errorf("status %d, %q", status, said)
	}
	expectNone(t, env)
}

// TestDetachFile: nixvf-boot stays beside vfkit also when the console is on a
// file and nothing is to be undone: it appends to the file, sees to
// --stop-timeout and looks for panics.
func TestDetachFile(t *testing.T) {
	document, env := standInDocument(t)
	dir := filepath.Dir(document)
	log := filepath.Join(dir, "my.log")
	consoleOn(t, document, "virtio-serial,logFilePath="+log)
	change(t, document, func(doc map[string]any) { delete(doc, "directories") })
	for run := 1; run <= 2; run++ {
		vm, status, said := detach(t, document, env, "--vmm", "vfkit")
		if status != 0 || said != "" {
			t.Fatalf("status %d, %q", status, said)
		}
		t.Cleanup(func() { expectNone(t, env) })
		if pids := processes(t, "nixvf-boot", env); len(pids) != 1 || pids[0] != vm.PID || vm.Console != log {
			t.Errorf("%+v, while nixvf-boot is %v", vm, pids)
		}
		expectFile(t, log, "stand-in guest is up")
		vm.stop(t, env)
		text := read(t, log)
		if strings.Count(text, "guest is up") != run || !strings.HasSuffix(text, "asked to Stop\r\n") {
			t.Errorf("the log after run %d: %q", run, text)
		}
	}
	if left, _ := filepath.Glob(dir + "/state/nixvf/vm-1/run"); len(left) > 0 {
		t.Errorf("%q is left", left)
	}
	expectPrivate(t, dir+"/state/nixvf/vm-1")

	vm, status, said := detach(t, document, append(env, "VZ_GUEST=deaf"), "--vmm", "vfkit", "--stop-timeout", "1s")
	if status != 0 || said != "" {
		t.Fatalf("status %d, %q", status, said)
	}
	vm.stop(t, env)
	expectFile(t, dir+"/state/nixvf/vm-1/nixvf-boot.log", "the guest did not stop within 1s: ending vfkit by force")
}

// TestBesideMemory: nixvf-boot, which stays beside every VM, takes little memory
// of its own there, also when it has made a large disk just before. Pages of its
// program's file, which the kernel can drop at any time, do not count.
func TestBesideMemory(t *testing.T) {
	document, env := standInDocument(t)
	change(t, document, func(doc map[string]any) { doc["disks"].([]any)[0].(map[string]any)["size"] = 20 << 30 })
	vm, status, said := detach(t, document, env, "--vmm", "vfkit")
	if status != 0 || said != "" {
		t.Fatalf("status %d, %q", status, said)
	}
	t.Cleanup(func() { vm.stop(t, env) })
	const most = 20 << 10 // KiB
	own := func() int { return memory(t, vm.PID, "RssAnon") }
	for deadline := time.Now().Add(5 * time.Second); own() > most && time.Now().Before(deadline); {
		time.Sleep(50 * time.Millisecond)
	}
	t.Logf("nixvf-boot takes %d KiB beside the VM, %d KiB with its program's file", own(), memory(t, vm.PID, "VmRSS"))
	if own() > most {
		t.Errorf("nixvf-boot takes %d KiB beside the VM, more than %d", own(), most)
	}
}

// memory returns a figure of proc_pid_status(5), in KiB.
func memory(t *testing.T, pid int, name string) int {
	t.Helper()
	_, rest, _ := strings.Cut(read(t, fmt.Sprintf("/proc/%d/status", pid)), "\n"+name+":")
	var size int
	if _, err := fmt.Sscanf(rest, "%d kB", &size); err != nil {
		t.Fatalf("%s of process %d: %v", name, pid, err)
	}
	return size
}

// TestDetachKeys leaves a VM with ctrl-] d, comes back to it and leaves in other
// ways.
func TestDetachKeys(t *testing.T) {
	document, env := standInDocument(t)
	boot := filepath.Join(bin, "nixvf-boot")
	s := onScreen(t, document, env, boot, "--vmm", "vfkit")
	t.Cleanup(func() { expectNone(t, env) })
	s.expect("stand-in guest is up\r\n")
	s.press("\x1dd")
	s.expect("nixvf-boot: vm-1 runs on as process ")
	s.end(0)
	if pids := processes(t, "vfkit", env); len(pids) != 1 {
		t.Fatalf("%d vfkits run, not one", len(pids))
	}

	attach := func() *screen { return onScreen(t, document, env, boot, "attach", "vm-1") }
	v := attach()
	v.pressUntil("a")
	w := attach()
	w.expect("nixvf-boot: vm-1: its console is on another terminal\r\n")
	w.end(1)
	v.press("\x1dd")
	v.end(0)

	v = attach()
	v.pressUntil("b")
	if err := v.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = await(v.cmd) // it was killed
	v.expectRestored()

	v = attach()
	v.pressUntil("c")
	if err := v.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	v.end(0)

	v = attach()
	v.pressUntil("d")
	v.press("\x1d.")
	v.expect("nixvf-boot: ctrl-] .: asking the guest to shut down; ask again to force it\r\n")
	v.expect("asked to Stop\r\n")
	v.end(0)

	v = attach()
	v.expect("nixvf-boot: vm-1 is not running\r\n")
	v.end(1)
	log, err := os.ReadFile(filepath.Join(filepath.Dir(document), "state/nixvf/vm-1/console.log"))
	if want := "abcdasked to Stop\r\n"; err != nil || string(log) != want {
		t.Errorf("console.log holds %q (%v), not %q", log, err, want)
	}
}

// TestDetachSize passes the terminal's size on, at the start and when it changes,
// and so that of another terminal, to which the console comes later.
func TestDetachSize(t *testing.T) {
	document, env := standInDocument(t)
	boot := filepath.Join(bin, "nixvf-boot")
	s := onScreen(t, document, env, boot, "--vmm", "vfkit")
	t.Cleanup(func() { expectNone(t, env) })
	s.expect("stand-in guest is up\r\n")
	s.resize(33, 101)
	s.expect("size is 33 101\r\n")
	s.press("\x1dd")
	s.end(0)
	s = onScreen(t, document, env, boot, "attach", "vm-1")
	s.expect("size is 24 80\r\n")
	s.resize(40, 90)
	s.expect("size is 40 90\r\n")
	s.press("\x1d.")
	s.end(0)
}

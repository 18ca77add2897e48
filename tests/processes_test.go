//go:build linux

package tests

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nixvf/nixvf/pkg/identity"
)

// processes returns the processes whose environment holds each of the given
// settings, and whose command line begins with a program of the given name;
// any program, if that is empty.
func processes(t *testing.T, program string, env []string) []int {
	t.Helper()
	pids, err := findProcesses(program, env)
	if err != nil {
		t.Fatal(err)
	}
	return pids
}

func findProcesses(program string, env []string) (pids []int, err error) {
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return nil, err
	}
	for _, dir := range dirs {
		environ, err := os.ReadFile(filepath.Join(dir, "environ"))
		cmdline, _ := os.ReadFile(filepath.Join(dir, "cmdline"))
		argv0, _, _ := bytes.Cut(cmdline, []byte{0})
		if err != nil || !strings.HasPrefix(filepath.Base(string(argv0)), program) || !hasAll(environ, env) {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(dir))
		if err != nil {
			return nil, err
		}
		pids = append(pids, pid)
	}
	return pids, nil
}

func hasAll(environ []byte, env []string) bool {
	for _, setting := range env {
		if !bytes.Contains(append([]byte{0}, environ...), []byte("\x00"+setting+"\x00")) {
			return false
		}
	}
	return len(environ) > 0
}

// killVMM kills the QEMU that runs with env.
func killVMM(t *testing.T, env []string) {
	t.Helper()
	pids := processes(t, "qemu-system-", env)
	if len(pids) != 1 {
		t.Fatalf("%d QEMUs run, not one", len(pids))
	}
	send(t, syscall.SIGKILL, pids...)
}

// send sends a signal to processes.
func send(t *testing.T, sig syscall.Signal, pids ...int) {
	t.Helper()
	for _, pid := range pids {
		if err := syscall.Kill(pid, sig); err != nil {
			t.Fatal(err)
		}
	}
}

// awaitProcess waits for the only process of a name that runs with env.
func awaitProcess(t *testing.T, name string, env []string) int {
	t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if pids := processes(t, name, env); len(pids) == 1 {
			return pids[0]
		}
	}
	t.Fatalf("no %s runs", name)
	return 0
}

// awaitEnd waits until a process is no more than its exit status: on a busy
// machine that takes a while after a kill.
func awaitEnd(t *testing.T, pid int) {
	t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if _, err := identity.Of(pid); errors.Is(err, fs.ErrNotExist) {
			return
		}
	}
	t.Fatalf("process %d does not end", pid)
}

// expectNone waits for the end of all processes that run with env.
func expectNone(t *testing.T, env []string) {
	t.Helper()
	pids, err := awaitNone(env)
	if err != nil {
		t.Fatal(err)
	}
	for _, pid := range pids {
		t.Errorf("process %d is left: %q", pid, commandLine(pid))
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
}

// awaitNone waits for the end of all processes that run with env, and returns
// those that do not end.
func awaitNone(env []string) (pids []int, err error) {
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if pids, err = findProcesses("", env); err != nil || len(pids) == 0 {
			return pids, err
		}
	}
	return pids, nil
}

func commandLine(pid int) []byte {
	cmdline, _ := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "cmdline"))
	return cmdline
}

// await waits for the end of a command, which is killed when that takes too long.
func await(cmd *exec.Cmd) error {
	defer time.AfterFunc(patience, func() { _ = cmd.Process.Kill() }).Stop()
	return cmd.Wait()
}

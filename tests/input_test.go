//go:build linux

package tests

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// inBackground starts nixvf-boot without a terminal, and returns its output as
// it comes.
func inBackground(t *testing.T, document string, env []string, args ...string) (*exec.Cmd, *lines) {
	t.Helper()
	stdin, err := os.Open(document)
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	out := &lines{}
	cmd := exec.Command(filepath.Join(bin, "nixvf-boot"), args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, out, out
	cmd.Env = append(os.Environ(), env...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	return cmd, out
}

// TestInput has a file's bytes typed, whatever they are, and the VM goes on
// after them.
func TestInput(t *testing.T) {
	document, env := standInDocument(t)
	var all []byte
	for b := range 256 {
		all = append(all, byte(b))
	}
	all = append(bytes.Repeat(all, 400), "last\r\n"...) // more than a terminal holds
	input := filepath.Join(filepath.Dir(document), "input")
	if err := os.WriteFile(input, all, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd, out := inBackground(t, document, env, "--vmm", "vfkit", "--input", input)
	out.expect(t, "stand-in guest is up\r\n")
	out.expect(t, string(all))
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	out.expect(t, "asked to Stop\r\n")
	if err := await(cmd); err != nil {
		t.Error(err)
	}
}

// TestInputFIFO: nobody waits for one who writes, and each who does is heard.
func TestInputFIFO(t *testing.T) {
	document, env := standInDocument(t)
	dir := filepath.Dir(document)
	fifo := filepath.Join(dir, "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	vm, status, said := detach(t, document, env, "--vmm", "vfkit", "--input", fifo)
	if status != 0 || said != "" {
		t.Fatalf("status %d, %q", status, said)
	}
	t.Cleanup(func() { expectNone(t, env) })
	expectFile(t, vm.Console, "stand-in guest is up\r\n")
	for _, text := range []string{"first\r\n", "second\r\n"} {
		f, err := os.OpenFile(fifo, os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteString(text); err != nil {
			t.Fatal(err)
		}
		f.Close()
		expectFile(t, vm.Console, text)
	}
	s := onScreen(t, document, env, filepath.Join(bin, "nixvf-boot"), "attach", vm.ID)
	s.pressUntil("a")
	s.press("\x1d.")
	s.expect("asked to Stop\r\n")
	s.end(0)
}

// TestInputBesideKeys: at a terminal a file's input comes beside the keys, and a
// guest that takes none of it can be stopped all the same.
func TestInputBesideKeys(t *testing.T) {
	document, env := standInDocument(t)
	input := filepath.Join(filepath.Dir(document), "input")
	if err := os.WriteFile(input, []byte("typed "), 0o600); err != nil {
		t.Fatal(err)
	}
	boot := filepath.Join(bin, "nixvf-boot")
	s := onScreen(t, document, env, boot, "--vmm", "vfkit", "--input", input)
	s.expect("stand-in guest is up\r\n")
	s.expect("typed ")
	s.press("a")
	s.expect("a")
	s.press("\x1d.")
	s.end(0)

	if err := os.WriteFile(input, bytes.Repeat([]byte("x"), 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	s = onScreen(t, document, append(env, "VZ_GUEST=sleeps"), boot, "--vmm", "vfkit", "--input", input)
	s.expect("stand-in guest is up\r\n")
	s.press(strings.Repeat("keys that nobody takes ", 100))
	s.settle()
	s.press("\x1d.")
	s.expect("asked to Stop\r\n")
	s.end(0)
}

// TestInputImpossible says what is wrong with the input before anything is made.
func TestInputImpossible(t *testing.T) {
	document, env := standInDocument(t)
	dir := filepath.Dir(document)
	boot := filepath.Join(bin, "nixvf-boot") + " --vmm vfkit --input "
	for input, want := range map[string]string{
		"-":             "nixvf-boot: --input: stdin is the document already\n",
		dir:             "nixvf-boot: --input: " + dir + ": is a directory\n",
		dir + "/nobody": "nixvf-boot: --input: stat " + dir + "/nobody: no such file or directory\n",
	} {
		cmd := exec.Command("sh", "-c", boot+input+" <"+document)
		cmd.Env = append(os.Environ(), env...)
		out, err := cmd.CombinedOutput()
		if err == nil || !strings.HasPrefix(string(out), want) {
			t.Errorf("%s: %v, %q", input, err, out)
		}
	}
	if _, err := os.Stat(dir + "/state"); !os.IsNotExist(err) {
		t.Errorf("there is a state: %v", err)
	}
}

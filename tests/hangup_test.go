//go:build linux

package tests

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestHangup takes the terminal away, or the reader of a pipe, together with a
// signal: the guest may shut down in peace, since nobody has asked twice.
func TestHangup(t *testing.T) {
	document, env := standInDocument(t)
	log := filepath.Join(filepath.Dir(document), "vfkit.log")
	env = append(env, "VZ_GUEST=slow", "VZ_LOG="+log)
	boot := filepath.Join(bin, "nixvf-boot")

	s := onScreen(t, document, env, boot, "--vmm", "vfkit")
	s.expect("stand-in guest is up\r\n")
	s.settle()
	s.slave.Close()
	s.master.Close() // the kernel sends HUP
	if err := await(s.cmd); err != nil {
		t.Errorf("at a terminal: %v", err)
	}
	expectStopped(t, log)

	s = onScreen(t, document, env, "sh", "-c", boot+" --vmm vfkit | cat")
	s.expect("stand-in guest is up\r")
	s.press("\x03") // INT to both
	s.end(-1)       // of the shell, by INT
	expectNone(t, env)
	expectStopped(t, log)

	// A signal that comes after the reader has gone is the first request.
	cmd := exec.Command(boot, "--vmm", "vfkit")
	cmd.Env = append(os.Environ(), env...)
	stdin, err := os.Open(document)
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	reader, stdout, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdin, cmd.Stdout = stdin, stdout
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stdout.Close()
	if _, err := bufio.NewReader(reader).ReadString('\n'); err != nil { // it is up
		t.Error(err)
	}
	reader.Close()
	send(t, syscall.SIGTERM, cmd.Process.Pid)
	if err := await(cmd); cmd.ProcessState.ExitCode() != 128+int(syscall.SIGPIPE) {
		t.Errorf("without a reader: %v", err)
	}
	expectNone(t, env)
	expectStopped(t, log)
}

// TestUnread takes away the reader of a guest that prints nothing any more, which
// nobody finds out by writing.
func TestUnread(t *testing.T) {
	document, env := standInDocument(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-c", filepath.Join(bin, "nixvf-boot")+" --vmm vfkit <"+document+" | head -n1; exit ${PIPESTATUS[0]}")
	cmd.Env = append(os.Environ(), append(env, "VZ_GUEST=sleeps")...)
	cmd.WaitDelay = time.Second
	out, _ := cmd.Output() // its status is read off ProcessState
	if got := cmd.ProcessState.ExitCode(); got != 128+int(syscall.SIGPIPE) || string(out) != "stand-in guest is up\r\n" {
		t.Errorf("status %d, %q", got, out)
	}
	expectNone(t, env)
}

// expectStopped checks that the guest has shut down by itself.
func expectStopped(t *testing.T, log string) {
	t.Helper()
	data, err := os.ReadFile(log)
	if err != nil || !strings.HasSuffix(string(data), "\nstopped by itself\n") {
		t.Errorf("the guest was ended by force (%v): %s", err, data)
	}
}

//go:build linux

package tests

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// sleeper is a program that says which version of QEMU or virtiofsd it is, and
// else sleeps under its own name: it does not mind that the others have ended.
const sleeper = `#!/bin/bash
case $1 in
  --version) exec echo "QEMU emulator version 8.0.0" ;;
  -sandbox) exit 1 ;;
  --help) exec echo " -o source=PATH" ;;
esac
echo up
exec -a "${0##*/}" sleep 1000
`

// TestHelpers kills one of those that run a VM: the others end with it, though
// none of them would by itself.
func TestHelpers(t *testing.T) {
	for _, tt := range []struct {
		victim, says string
		status       int
	}{
		{"nixvf-boot", "", -1},
		{"qemu", "nixvf-boot: qemu was ended by a signal: killed\n", 128 + int(syscall.SIGKILL)},
		{"virtiofsd", "nixvf-boot: virtiofsd ended with status 137: up\n", 128 + int(syscall.SIGKILL)},
	} {
		document, env := standInDocument(t)
		dir := filepath.Dir(document)
		text, err := os.ReadFile(document)
		if err != nil {
			t.Fatal(err)
		}
		shared := strings.Replace(string(text), `"virtio-serial,stdio"`, `"virtio-serial,stdio", "--device", "virtio-fs,sharedDir=`+dir+`,mountTag=a"`, 1)
		for name, text := range map[string]string{"launch.json": shared, "qemu": sleeper, "virtiofsd": sleeper} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o700); err != nil {
				t.Fatal(err)
			}
		}
		cmd, out := inBackground(t, document, env, "--qemu", dir+"/qemu", "--virtiofsd", dir+"/virtiofsd")
		out.expect(t, "up\n")
		for _, name := range []string{"qemu", "virtiofsd"} {
			awaitProcess(t, name, env)
		}
		send(t, syscall.SIGKILL, awaitProcess(t, tt.victim, env))
		out.expect(t, tt.says)
		_ = await(cmd) // its status is read off ProcessState
		if got := cmd.ProcessState.ExitCode(); got != tt.status {
			t.Errorf("%s: status %d, %q", tt.victim, got, out.text())
		}
		expectNone(t, env)
	}
}

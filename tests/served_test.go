//go:build linux

package tests

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// sharing returns the document of a VM that shares a directory, whose QEMU only
// sleeps.
func sharing(t *testing.T, name string) (document, dir string, env []string) {
	t.Helper()
	document, env = standInDocument(t)
	dir = filepath.Dir(document)
	text, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	quoted := strings.ReplaceAll(dir+"/"+name, `\`, `\\`)
	shared := strings.Replace(string(text), `"virtio-serial,stdio"`, `"virtio-serial,stdio", "--device", "virtio-fs,sharedDir=`+quoted+`,mountTag=a"`, 1)
	for name, text := range map[string]string{"launch.json": shared, "qemu": sleeper} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, dir := range []string{dir + "/" + name, dir + "/other", dir + "/ab"} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return document, dir, env
}

// TestServed looks at what virtiofsd serves once QEMU is there: the shared
// directory, whatever its name, and nothing else for long.
func TestServed(t *testing.T) {
	virtiofsd, err := exec.LookPath("/usr/lib/qemu/virtiofsd")
	if err != nil || os.Getuid() != 0 {
		t.Skip("needs QEMU's own virtiofsd, which is root's")
	}
	document, dir, env := sharing(t, `a\b`)
	cmd, out := inBackground(t, document, env, "--qemu", dir+"/qemu", "--virtiofsd", virtiofsd)
	out.expect(t, "up\n")
	pid := awaitProcess(t, "virtiofsd", env)
	beQemu(t, dir)
	root := fmt.Sprintf("/proc/%d/root", pid)
	for deadline := time.Now().Add(patience); !sameFile(root, dir+`/a\b`); time.Sleep(20 * time.Millisecond) {
		if sameFile(root, dir+"/ab") || time.Now().After(deadline) {
			t.Error(`a\b is not what is served`)
			break
		}
	}
	time.Sleep(time.Second / 2) // enough to find fault with it
	awaitProcess(t, "virtiofsd", env)
	send(t, syscall.SIGKILL, cmd.Process.Pid)
	_ = await(cmd)
	expectNone(t, env)

	document, dir, env = sharing(t, "a")
	other := "#!/bin/sh\nif [ \"$1\" = --help ]; then exec " + virtiofsd + " --help; fi\nexec " + virtiofsd + " --fd=3 -o source=" + dir + "/other -o sandbox=chroot\n"
	if err := os.WriteFile(dir+"/other-virtiofsd", []byte(other), 0o700); err != nil {
		t.Fatal(err)
	}
	cmd, out = inBackground(t, document, env, "--qemu", dir+"/qemu", "--virtiofsd", dir+"/other-virtiofsd")
	out.expect(t, "up\n")
	beQemu(t, dir)
	out.expect(t, "nixvf-boot: virtiofsd ended with status 137: ")
	out.expect(t, "it does not serve "+dir+"/a, but another directory\n")
	_ = await(cmd) // its status is read off ProcessState
	expectNone(t, env)
}

// beQemu connects to virtiofsd as QEMU does, for as long as the test lasts.
func beQemu(t *testing.T, dir string) {
	t.Helper()
	conn, err := net.Dial("unix", dir+"/state/nixvf/vm-1/run/virtiofs-0.sock")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
}

func sameFile(a, b string) bool {
	x, err := os.Stat(a)
	y, err2 := os.Stat(b)
	return err == nil && err2 == nil && os.SameFile(x, y)
}

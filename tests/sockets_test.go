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

	"github.com/nixvf/nixvf/pkg/lock"
	"github.com/nixvf/nixvf/pkg/place"
	"github.com/nixvf/nixvf/pkg/sockets"
)

// nobody is another user.
const nobody = 65534

// vmIn returns the launch document of a VM with a vsock port, made by
// nixvf-args, whose state lies in a directory of the given name.
func vmIn(t *testing.T, state string) (document string, vm place.VM, env []string) {
	t.Helper()
	dir := t.TempDir()
	boot := fmt.Sprintf(`{"id": "vm-1", "kernel": "%[1]s/kernel", "initrd": "%[1]s/initrd", "init": "/init", "kernel-params": [],
		"virtualisation": {"sharedDirectories": {}, "diskImage": null}}`, dir)
	for name, text := range map[string]string{"kernel": "", "initrd": "", "boot.json": boot} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	env = []string{"XDG_STATE_HOME=" + filepath.Join(dir, state), "XDG_RUNTIME_DIR=", vfkitPath(t)}
	document = filepath.Join(dir, "launch.json")
	cmd := exec.Command("sh", "-c", `"$0/nixvf-args" --vsock 22 <"$1/boot.json" >"$1/launch.json"`, bin, dir)
	cmd.Env = append(os.Environ(), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	vm = place.VM{ID: "vm-1", Dir: filepath.Join(dir, state, "nixvf", "vm-1")}
	t.Cleanup(func() {
		if used, err := sockets.Find(vm, os.Getuid()); err == nil {
			os.Remove(used)
		}
	})
	return document, vm, env
}

// TestStatePaths runs VMs whose state lies where the VMM would lose its
// sockets: in paths that it takes for URLs, and in one that is too long.
func TestStatePaths(t *testing.T) {
	boot := filepath.Join(bin, "nixvf-boot")
	for _, name := range []string{"plain", "a b", "a#b", "a?b", "a%20b", "aüb", strings.Repeat("long", 25)} {
		t.Run(name, func(t *testing.T) {
			document, at, env := vmIn(t, name)
			vm, status, said := detach(t, document, env, "--vmm", "vfkit")
			if status != 0 {
				t.Fatalf("status %d, %q", status, said)
			}
			t.Cleanup(func() { expectNone(t, env) })
			for _, what := range []string{"rest", "vsock-22", "console"} {
				conn, err := net.Dial("unix", vm.Sockets[what])
				if err != nil {
					t.Errorf("%s: %v", what, err)
					continue
				}
				conn.Close()
			}
			s := onScreen(t, document, env, boot, "attach", "vm-1")
			s.pressUntil("a")
			s.press("\x1dd")
			s.end(0)
			vm.stop(t, env)
			expectFile(t, vm.Console, "asked to Stop")
			if dir, err := sockets.Find(at, os.Getuid()); err == nil {
				if left, _ := os.ReadDir(dir); len(left) > 0 {
					t.Errorf("%v is left in %s", left, dir)
				}
			}
		})
	}
}

// eavesdropper listens in a directory for those who bring their
// terminal. It says who came.
func eavesdropper() {
	dir := os.Args[1]
	l, err := net.Listen("unix", filepath.Join(dir, "console.sock"))
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println("listens in " + dir)
	for {
		conn, err := l.Accept()
		if err != nil {
			os.Exit(1)
		}
		fmt.Println("somebody came")
		conn.Close()
	}
}

// TestEavesdropper is attacked by another user, who takes the name of a VM's
// directory of sockets: nobody's terminal goes there, and the VM starts.
func TestEavesdropper(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root is two users")
	}
	document, at, env := vmIn(t, strings.Repeat("long", 25))
	vm, status, said := detach(t, document, env, "--vmm", "vfkit")
	if status != 0 {
		t.Fatalf("status %d, %q", status, said)
	}
	vm.stop(t, env)
	dir, err := sockets.Find(at, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(dir); err != nil { // as what cleans /tmp does
		t.Fatal(err)
	}
	out := eavesdrop(t, dir)

	boot := filepath.Join(bin, "nixvf-boot")
	l, err := lock.Take(at.Lock()) // as if it ran
	if err != nil {
		t.Fatal(err)
	}
	s := onScreen(t, document, env, boot, "attach", "vm-1")
	s.expect("has no console to attach to: " + dir + ": belongs to another user")
	s.end(1)
	if err := l.Release(); err != nil {
		t.Fatal(err)
	}
	vm, status, said = detach(t, document, env, "--vmm", "vfkit")
	if status != 0 {
		t.Fatalf("with the name taken: status %d, %q", status, said)
	}
	t.Cleanup(func() { expectNone(t, env) })
	s = onScreen(t, document, env, boot, "attach", "vm-1")
	s.pressUntil("a")
	s.press("\x1dd")
	s.end(0)
	vm.stop(t, env)
	if said := out.text(); strings.Contains(said, "somebody came") {
		t.Errorf("the other user says %q", said)
	}
}

// eavesdrop gives a directory to another user, who listens there.
func eavesdrop(t *testing.T, dir string) *lines {
	t.Helper()
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(dir, nobody, nobody); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	self, err := os.Open("/proc/self/exe") // its directory is closed to others
	if err != nil {
		t.Fatal(err)
	}
	defer self.Close()
	out := &lines{}
	cmd := exec.Command("/proc/self/fd/3", dir)
	cmd.Args[0], cmd.ExtraFiles, cmd.Stdout, cmd.Stderr = "eavesdropper", []*os.File{self}, out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	out.expect(t, "listens in "+dir)
	return out
}

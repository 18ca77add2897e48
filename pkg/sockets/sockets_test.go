package sockets

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nixvf/nixvf/pkg/place"
)

const nobody = 65534

// TestMain is another user's process that listens on the socket that it is
// given, when it is started as one.
func TestMain(m *testing.M) {
	if os.Getenv("SOCKETS_TEST") != "" {
		if err := unix.Listen(3, 1); err != nil {
			os.Exit(1)
		}
		os.Stdout.WriteString("listens\n")
		_, _ = os.Stdin.Read(make([]byte, 1)) // to the end of the test
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// host returns a host whose only variable is the given one.
func host(name, value string) place.Host {
	return place.Host{Lookup: func(asked string) (string, bool) { return value, asked == name }}
}

// crooked returns a VM whose sockets cannot lie in its own directory.
func crooked(t *testing.T) place.VM {
	t.Helper()
	vm := place.VM{ID: "vm", Dir: filepath.Join(t.TempDir(), "a b")}
	must(t, os.Mkdir(vm.Dir, 0o700))
	return vm
}

// runtimeDir returns a directory as XDG_RUNTIME_DIR is one.
func runtimeDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "run-")
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func TestOwnDirectory(t *testing.T) {
	vm := place.VM{Dir: "/s/vm"}
	if dir := Choose(vm, host("", ""), 0); dir != "/s/vm/run" {
		t.Errorf("got %s", dir)
	}
	must(t, Make(vm, "/s/vm/run", 0)) // not here
	must(t, Remove(vm, "/s/vm/run"))
}

// TestRuntimeDirectory makes, finds and removes a directory in the one that the
// user has from the system.
func TestRuntimeDirectory(t *testing.T) {
	vm, base, uid := crooked(t), runtimeDir(t), os.Getuid()
	dir := Choose(vm, host("XDG_RUNTIME_DIR", base), uid)
	if filepath.Dir(dir) != filepath.Join(base, "nixvf") {
		t.Fatalf("chosen: %s", dir)
	}
	must(t, Make(vm, dir, uid))
	if found, err := Find(vm, uid); err != nil || found != dir {
		t.Errorf("found: %s, %v", found, err)
	}
	// What a run that was killed has left goes at the next start, wherever that
	// one would have its sockets.
	must(t, os.WriteFile(filepath.Join(dir, "rest.sock"), nil, 0o600))
	if again := Choose(vm, host("", ""), uid); again != dir {
		t.Errorf("chosen again: %s", again)
	}
	must(t, Make(vm, dir, uid))
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("%v is left", left)
	}
	must(t, Remove(vm, dir))
	if _, err := Find(vm, uid); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("removed and still found: %v", err)
	}
}

// TestSharedDirectory is what there is without one.
func TestSharedDirectory(t *testing.T) {
	open := runtimeDir(t)
	must(t, os.Chmod(open, 0o755))
	for _, base := range []string{"", "relative", "/nowhere", open, "/" + strings.Repeat("x", 100)} {
		vm, uid := crooked(t), os.Getuid()
		dir, other := Choose(vm, host("XDG_RUNTIME_DIR", base), uid), Choose(vm, host("XDG_RUNTIME_DIR", base), uid)
		if filepath.Dir(dir) != "/tmp" || dir == other || !place.HoldsSockets(dir) {
			t.Errorf("%s: chosen: %s, %s", base, dir, other)
		}
		must(t, Make(vm, dir, uid))
		defer os.RemoveAll(dir)
		must(t, os.WriteFile(filepath.Join(dir, "rest.sock"), nil, 0o600))
		must(t, Remove(vm, dir))
		if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
			t.Errorf("%s: its name can be taken, or %v is left: %v", base, left, err)
		}
		if again := Choose(vm, host("XDG_RUNTIME_DIR", base), uid); again != dir {
			t.Errorf("%s: chosen again: %s", base, again)
		}
	}
}

// TestCopy: a copy of a VM's state directory, with the record in it, is another VM;
// one that was moved is the same.
func TestCopy(t *testing.T) {
	vm, base, uid := crooked(t), runtimeDir(t), os.Getuid()
	in := host("XDG_RUNTIME_DIR", base)
	dir := Choose(vm, in, uid)
	must(t, Make(vm, dir, uid))
	copied := place.VM{ID: vm.ID, Dir: vm.Dir + " of it"}
	must(t, os.CopyFS(copied.Dir, os.DirFS(vm.Dir)))
	if found, err := Find(copied, uid); err == nil {
		t.Errorf("the copy has the sockets of the VM that runs: %s", found)
	}
	other := Choose(copied, in, uid)
	if other == dir {
		t.Error("the copy would take the sockets of the VM that runs")
	}
	must(t, Make(copied, other, uid))
	moved := place.VM{ID: vm.ID, Dir: vm.Dir + " elsewhere"}
	must(t, os.Rename(vm.Dir, moved.Dir))
	for _, v := range []struct {
		place.VM
		want string
	}{{moved, dir}, {copied, other}} {
		if found, err := Find(v.VM, uid); err != nil || found != v.want {
			t.Errorf("%s: found %s, %v, not %s", v.Dir, found, err, v.want)
		}
	}
}

func TestBases(t *testing.T) {
	if got := bases(host("TMPDIR", "/t"), "linux"); len(got) != 1 {
		t.Errorf("linux: %q", got)
	}
	if got := bases(host("TMPDIR", "/t"), "darwin"); len(got) != 2 || got[1] != "/t" {
		t.Errorf("macOS: %q", got)
	}
}

func TestCheck(t *testing.T) {
	dir := t.TempDir()
	mkdir := func(name string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		must(t, errors.Join(os.Mkdir(path, 0o700), os.Chmod(path, mode)))
		return path
	}
	link, file := filepath.Join(dir, "link"), filepath.Join(dir, "file")
	must(t, errors.Join(os.Symlink(mkdir("own", 0o700), link), os.WriteFile(file, nil, 0o600)))
	for _, tt := range []struct {
		path string
		uid  int
		want string
	}{
		{filepath.Join(dir, "own"), os.Getuid(), ""},
		{filepath.Join(dir, "own"), os.Getuid() + 1, "belongs to another user"},
		{link, os.Getuid(), "not a directory"},
		{file, os.Getuid(), "not a directory"},
		{mkdir("group", 0o770), os.Getuid(), "other users can access it (mode 0770)"},
		{mkdir("search", 0o711), os.Getuid(), "other users can access it (mode 0711)"},
		{filepath.Join(dir, "none"), os.Getuid(), "no such file"},
	} {
		err := Check(tt.path, tt.uid)
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s for %d: %v, want %q", tt.path, tt.uid, err, tt.want)
		}
	}
}

// TestDial connects to this user's own process.
func TestDial(t *testing.T) {
	path := filepath.Join(runtimeDir(t), "s")
	l, err := net.Listen("unix", path)
	must(t, err)
	defer l.Close()
	conn, err := Dial(path, os.Getuid())
	must(t, err)
	conn.Close()
	if conn, err := Dial(path, os.Getuid()+1); err == nil {
		conn.Close()
		t.Error("connected for another user")
	}
}

// TestOtherUser is about what another user does, who has to be one.
func TestOtherUser(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root is two users")
	}
	t.Run("takes the name", func(t *testing.T) {
		vm := crooked(t)
		dir := Choose(vm, host("", ""), 0)
		must(t, Make(vm, dir, 0))
		must(t, os.Chown(dir, nobody, nobody)) // as if a cleaner had taken it away, and nobody made it
		defer os.RemoveAll(dir)
		if found, err := Find(vm, 0); err == nil || !strings.Contains(err.Error(), "belongs to another user") {
			t.Errorf("found: %s, %v", found, err)
		}
		if other := Choose(vm, host("", ""), 0); other == dir {
			t.Error("chosen again")
		}
	})
	t.Run("has the runtime directory", func(t *testing.T) {
		base := runtimeDir(t)
		must(t, os.Chown(base, nobody, nobody))
		if dir := Choose(crooked(t), host("XDG_RUNTIME_DIR", base), 0); strings.HasPrefix(dir, base) {
			t.Errorf("chosen: %s", dir)
		}
	})
	t.Run("listens", func(t *testing.T) {
		path := filepath.Join(runtimeDir(t), "s")
		listen(t, path)
		if conn, err := Dial(path, 0); err == nil {
			conn.Close()
			t.Error("connected to another user's process")
		} else if !strings.Contains(err.Error(), "another user's process listens there") {
			t.Error(err)
		}
	})
}

// listen has another user's process listen at path.
func listen(t *testing.T, path string) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	must(t, err)
	must(t, unix.Bind(fd, &unix.SockaddrUnix{Name: path}))
	socket := os.NewFile(uintptr(fd), "socket")
	defer socket.Close()
	self, err := os.Open("/proc/self/exe") // its directory is closed to others
	must(t, err)
	defer self.Close()
	cmd := exec.Command("/proc/self/fd/4")
	cmd.Env, cmd.ExtraFiles = []string{"SOCKETS_TEST=1"}, []*os.File{socket, self}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	stdin, err := cmd.StdinPipe()
	must(t, err)
	stdout, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	t.Cleanup(func() {
		stdin.Close()
		_ = cmd.Wait()
	})
	if n, err := stdout.Read(make([]byte, 16)); n == 0 {
		t.Fatal(err)
	}
}

package boot

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nixvf/nixvf/pkg/place"
)

// ordinary reports whether this process is an ordinary user's. As root it runs
// the test again as one, for whom modes mean something, and reports false.
func ordinary(t *testing.T) bool {
	t.Helper()
	if os.Getuid() != 0 {
		return true
	}
	dir, err := os.MkdirTemp("", "nixvf-ordinary-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	program := filepath.Join(dir, "test")
	in, err := os.Open("/proc/self/exe")
	if err != nil {
		t.Skip(err)
	}
	defer in.Close()
	out, err := os.OpenFile(program, os.O_CREATE|os.O_WRONLY, 0o755)
	if err == nil {
		_, err = io.Copy(out, in)
		out.Close()
	}
	if err == nil {
		err = os.Chmod(dir, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "-test.run", "^"+t.Name()+"$", "-test.v")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "HOME=/nonexistent", "GOCOVERDIR=")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	text, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(text), "--- PASS: "+t.Name()) {
		t.Errorf("as an ordinary user: %v\n%s", err, text)
	}
	return false
}

// leave does in a directory what a guest can do with a share.
func leave(t *testing.T, dir, outside string) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	store := filepath.Join(dir, "store-copy", "bin")
	must(os.MkdirAll(store, 0o755))
	must(os.WriteFile(filepath.Join(store, "sh"), nil, 0o444))
	must(os.Symlink(outside, filepath.Join(store, "link")))
	must(os.Symlink("/nowhere", filepath.Join(dir, "dangling\nname")))
	must(unix.Mkfifo(filepath.Join(dir, "fifo"), 0o600))
	must(os.Mkdir(filepath.Join(dir, "dark"), 0))
	must(os.Chmod(store, 0o555))
	must(os.Chmod(filepath.Dir(store), 0o555))
	nest(t, dir, 3000)
	must(os.Chmod(dir, 0))
}

// nest makes directories in each other, deeper than any path is long.
func nest(t *testing.T, dir string, depth int) {
	t.Helper()
	at, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	for range depth {
		if err == nil {
			err = unix.Mkdirat(at, "deep", 0o700)
		}
		next, err2 := unix.Openat(at, "deep", unix.O_RDONLY|unix.O_DIRECTORY, 0)
		unix.Close(at)
		if at = next; err != nil || err2 != nil {
			t.Fatal(err, err2)
		}
	}
	unix.Close(at)
}

// TestRemoveTree removes what a guest has left, with few descriptors, and
// nothing else.
func TestRemoveTree(t *testing.T) {
	if !ordinary(t) {
		return
	}
	base := t.TempDir()
	outside := filepath.Join(base, "outside")
	if err := os.Mkdir(outside, 0o500); err != nil {
		t.Fatal(err)
	}
	defer os.Chmod(outside, 0o700)
	dir := filepath.Join(base, "run")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	leave(t, dir, outside)
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 64, Max: 64}); err != nil {
		t.Fatal(err)
	}
	if err := removeTree(dir); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(dir); !os.IsNotExist(err) {
		t.Errorf("it is left: %v", err)
	}
	if info, err := os.Lstat(outside); err != nil || info.Mode().Perm() != 0o500 {
		t.Errorf("the directory that a link led to: %v, %v", info, err)
	}
}

// TestClear makes room whatever lies there.
func TestClear(t *testing.T) {
	for what, make := range map[string]func(path string) error{
		"nothing":     func(string) error { return nil },
		"a file":      func(path string) error { return os.WriteFile(path, nil, 0o600) },
		"a link":      func(path string) error { return os.Symlink("/", path) },
		"a directory": func(path string) error { return os.MkdirAll(path+"/x/y", 0o700) },
		"another's":   func(path string) error { return os.MkdirAll(path+"/x/y", 0o700) },
	} {
		base := t.TempDir()
		path := filepath.Join(base, "run")
		var warnings []string
		m := &machine{place: place.VM{Dir: base}, Config: Config{UID: os.Getuid(), Warn: func(format string, _ ...any) { warnings = append(warnings, format) }}}
		if what == "another's" {
			m.UID++
		}
		if err := make(path); err != nil {
			t.Fatal(err)
		}
		if err := m.freshDirectory(path); err != nil {
			t.Errorf("%s: %v", what, err)
		}
		aside := slices.Contains([]string{"a file", "a link", "another's"}, what)
		if entries, _ := os.ReadDir(base); len(entries) > 1 != aside || len(warnings) > 0 != aside {
			t.Errorf("%s: %d entries, warnings %q", what, len(entries), warnings)
		}
		m.UID = os.Getuid()
		if err := m.clear(path); err != nil {
			t.Error(err)
		}
		if entries, _ := os.ReadDir(base); len(entries) > 0 {
			t.Errorf("%s: %v is left", what, entries)
		}
	}
}

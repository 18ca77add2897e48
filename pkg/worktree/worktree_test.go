package worktree

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// git runs git in a directory.
func git(t *testing.T, dir string, args ...string) string {
	t.Helper()
	args = append([]string{"-C", dir, "-c", "user.name=n", "-c", "user.email=n@example.org", "-c", "protocol.file.allow=always"}, args...)
	out, err := exec.Command("git", args...).CombinedOutput()
	if err != nil {
		t.Fatalf("git %q: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// newTree makes a work tree with a few files in a commit.
func newTree(t *testing.T) string {
	t.Helper()
	home, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("HOME", home)
	t.Setenv("XDG_CONFIG_HOME", "")
	top := filepath.Join(home, "my tree")
	write(t, top, "flake.nix", "{ }")
	write(t, top, "sub/deep", "deep")
	write(t, top, "script", "#!/bin/sh")
	if err := os.Symlink("sub", filepath.Join(top, "link")); err != nil {
		t.Fatal(err)
	}
	git(t, top, "init", "-q", "-b", "main")
	git(t, top, "add", ".")
	git(t, top, "commit", "-q", "-m", "first")
	return top
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func state(t *testing.T, dir string) [32]byte {
	t.Helper()
	tree, err := Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	return tree.State
}

// What Nix would not see leaves the state as it is.
func TestSame(t *testing.T) {
	for name, change := range map[string]func(top string){
		"nothing":         func(string) {},
		"untracked file":  func(top string) { write(t, top, "new", "x") },
		"time":            func(top string) { touch(t, top, "flake.nix", time.Now().Add(-time.Hour)) },
		"refreshed index": func(top string) { touch(t, top, "flake.nix", time.Now()); git(t, top, "status") },
		"index version":   func(top string) { git(t, top, "update-index", "--index-version", "4") },
		"there and back": func(top string) {
			write(t, top, "flake.nix", "{   }")
			state(t, top)
			write(t, top, "flake.nix", "{ }")
		},
	} {
		top := newTree(t)
		before := state(t, top)
		if change(top); state(t, top) != before {
			t.Errorf("%s: another state", name)
		}
		if state(t, filepath.Join(top, "sub")) != before {
			t.Errorf("%s: another state in a directory below", name)
		}
	}
}

func touch(t *testing.T, dir, name string, when time.Time) {
	t.Helper()
	if err := os.Chtimes(filepath.Join(dir, name), when, when); err != nil {
		t.Fatal(err)
	}
}

// Whatever Nix would see changes the state.
func TestDifferent(t *testing.T) {
	check := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	for name, change := range map[string]func(top string){
		"content": func(top string) {
			info, err := os.Lstat(filepath.Join(top, "flake.nix"))
			check(err)
			write(t, top, "flake.nix", "{;}")
			touch(t, top, "flake.nix", info.ModTime())
		},
		"content that git shall not look for": func(top string) {
			git(t, top, "update-index", "--assume-unchanged", "flake.nix")
			write(t, top, "flake.nix", "{;}")
		},
		"executable":      func(top string) { check(os.Chmod(filepath.Join(top, "script"), 0o755)) },
		"removed":         func(top string) { check(os.Remove(filepath.Join(top, "script"))) },
		"link":            func(top string) { check(os.Remove(filepath.Join(top, "link"))); write(t, top, "link", "sub") },
		"intent to add":   func(top string) { write(t, top, "new", ""); git(t, top, "add", "-N", "new") },
		"staged":          func(top string) { write(t, top, "new", ""); git(t, top, "add", "new") },
		"forgotten":       func(top string) { git(t, top, "rm", "-q", "--cached", "script") },
		"commit":          func(top string) { git(t, top, "commit", "-q", "--allow-empty", "-m", "x") },
		"branch":          func(top string) { git(t, top, "checkout", "-q", "-b", "other") },
		"no branch":       func(top string) { git(t, top, "checkout", "-q", "--detach") },
		"git's settings":  func(top string) { git(t, top, "config", "core.fileMode", "false") },
		"user's settings": func(string) { git(t, "/", "config", "--global", "core.autocrlf", "true") },
		"attributes":      func(top string) { write(t, top, ".git/info/attributes", "* text=auto") },
	} {
		top := newTree(t)
		before := state(t, top)
		if change(top); state(t, top) == before {
			t.Errorf("%s: the same state", name)
		}
	}
	if a, b := newTree(t), newTree(t); state(t, a) == state(t, b) {
		t.Error("two trees in the same state")
	}
}

// A file that is removed and comes back is seen, although git's index has been
// the same all the time.
func TestRemovedForAWhile(t *testing.T) {
	top := newTree(t)
	file := filepath.Join(top, "sub/deep")
	if err := os.RemoveAll(filepath.Dir(file)); err != nil {
		t.Fatal(err)
	}
	without := state(t, top)
	write(t, top, "sub/deep", "deep")
	if state(t, top) == without {
		t.Error("the same state")
	}
}

// A second work tree of a repository has a state of its own, and a branch that
// is packed is one too.
func TestPlaces(t *testing.T) {
	top := newTree(t)
	second := filepath.Join(filepath.Dir(top), "second")
	git(t, top, "worktree", "add", "-q", "-b", "second", second)
	git(t, top, "pack-refs", "--all")
	before := state(t, second)
	git(t, second, "commit", "-q", "--allow-empty", "-m", "x")
	if state(t, second) == before || state(t, second) == state(t, top) {
		t.Error("a commit in a second work tree: the same state")
	}
	before = state(t, second)
	git(t, top, "commit", "-q", "--allow-empty", "-m", "x")
	git(t, second, "branch", "-f", "moved", "main")
	if state(t, second) != before {
		t.Error("a commit in another work tree: another state")
	}
}

func TestUnborn(t *testing.T) {
	top := newTree(t)
	git(t, top, "checkout", "-q", "--orphan", "fresh")
	before := state(t, top)
	git(t, top, "commit", "-q", "-m", "x")
	if state(t, top) == before {
		t.Error("the first commit: the same state")
	}
}

func TestTracks(t *testing.T) {
	top := newTree(t)
	write(t, top, "new", "x")
	tree, err := Read(top)
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]bool{
		"flake.nix": true, "sub/deep": true, "link": true, "new": false, "sub": false, "none": false,
	} {
		if got := tree.Tracks(filepath.Join(top, path)); got != want {
			t.Errorf("%s: %v", path, got)
		}
	}
	if tree.Tracks("flake.nix") {
		t.Error("a relative path")
	}
}

// What is not looked into has no state.
func TestUnknown(t *testing.T) {
	for name, change := range map[string]func(top string){
		"no repository": func(top string) { _ = os.RemoveAll(filepath.Join(top, ".git")) },
		"submodule":     func(top string) { git(t, top, "submodule", "--quiet", "add", top, "module") },
		"conflict": func(top string) {
			hash := git(t, top, "hash-object", "flake.nix")
			cmd := exec.Command("git", "-C", top, "update-index", "--index-info")
			cmd.Stdin = strings.NewReader("0 " + hash + "\tflake.nix\n100644 " + hash + " 1\tflake.nix\n")
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
		},
		"split index":  func(top string) { git(t, top, "update-index", "--split-index") },
		"no index":     func(top string) { _ = os.Remove(filepath.Join(top, ".git/index")) },
		"broken index": func(top string) { write(t, top, ".git/index", "DIRC") },
		"other tree":   func(top string) { git(t, top, "config", "core.worktree", "/") },
		"other format": func(top string) { _ = os.Mkdir(filepath.Join(top, ".git/reftable"), 0o755) },
		"symbolic ref": func(top string) { git(t, top, "symbolic-ref", "refs/heads/main", "refs/heads/x") },
		"broken .git":  func(top string) { _ = os.RemoveAll(filepath.Join(top, ".git")); write(t, top, ".git", "x") },
		"pipe": func(top string) {
			_ = os.Remove(filepath.Join(top, "script"))
			if err := syscall.Mkfifo(filepath.Join(top, "script"), 0o600); err != nil {
				t.Fatal(err)
			}
		},
		"directory": func(top string) {
			_ = os.Remove(filepath.Join(top, "script"))
			_ = os.Mkdir(filepath.Join(top, "script"), 0o755)
		},
		"too large": func(top string) {
			if err := os.Truncate(filepath.Join(top, "script"), maxBytes+1); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			top := newTree(t)
			state(t, top)
			change(top)
			if tree, err := Read(top); err == nil {
				t.Errorf("state %x", tree.State)
			}
		})
	}
	if _, err := Read("/"); !errors.Is(err, ErrUnknown) {
		t.Errorf("no work tree: %v", err)
	}
	top := newTree(t)
	t.Setenv("GIT_INDEX_FILE", filepath.Join(top, ".git/index"))
	if _, err := Read(top); !errors.Is(err, ErrUnknown) {
		t.Errorf("git looks elsewhere: %v", err)
	}
}

// TestHostile is about repositories that somebody made to stall or exhaust who
// reads them.
func TestHostile(t *testing.T) {
	replace := func(name string, with func(path string) error) func(string) error {
		return func(top string) error {
			path := filepath.Join(top, name)
			return errors.Join(os.RemoveAll(path), with(path))
		}
	}
	fifo := func(path string) error { return syscall.Mkfifo(path, 0o600) }
	zeros := func(path string) error { return os.Symlink("/dev/zero", path) }
	text := func(text string) func(string) error {
		return func(path string) error { return os.WriteFile(path, []byte(text), 0o600) }
	}
	huge := func(path string) error { return errors.Join(text("")(path), os.Truncate(path, 1<<40)) }
	whole := newTree(t)
	for name, change := range map[string]func(top string) error{
		"HEAD a FIFO":          replace(".git/HEAD", fifo),
		"HEAD without an end":  replace(".git/HEAD", zeros),
		"a huge HEAD":          replace(".git/HEAD", huge),
		"a ref outside":        replace(".git/HEAD", text("ref: ../../../../../../../../../../dev/zero\n")),
		"a ref that climbs":    replace(".git/HEAD", text("ref: refs/../../../../../../../../../../dev/zero\n")),
		"an absolute ref":      replace(".git/HEAD", text("ref: /dev/zero\n")),
		"a ref without an end": replace(".git/refs/heads/main", zeros),
		"config a FIFO":        replace(".git/config", fifo),
		"packed-refs a FIFO":   replace(".git/packed-refs", fifo),
		"commondir a FIFO":     replace(".git/commondir", fifo),
		"commondir elsewhere":  replace(".git/commondir", text("/dev/zero")),
		"index a FIFO":         replace(".git/index", fifo),
		"index without an end": replace(".git/index", zeros),
		".git a FIFO":          replace(".git", fifo),
		".git without an end":  replace(".git", zeros),
	} {
		t.Run(name, func(t *testing.T) {
			top := filepath.Join(t.TempDir(), "tree")
			if err := errors.Join(exec.Command("cp", "-a", whole, top).Run(), change(top)); err != nil {
				t.Fatal(err)
			}
			read := make(chan error, 1)
			go func() {
				_, err := Read(top)
				read <- err
			}()
			select {
			case err := <-read:
				if err == nil {
					t.Error("its state is told")
				}
			case <-time.After(20 * time.Second):
				t.Fatal("it stalls")
			}
		})
	}
	path := filepath.Join(t.TempDir(), "flake.lock")
	if err := zeros(path); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadRegular(path); !errors.Is(err, ErrUnknown) {
		t.Errorf("a lock file without an end: %v", err)
	}
}

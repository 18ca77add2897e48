package nix

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/nixvf/nixvf/pkg/cache"
)

// release is the variable with which the test binary is a nix that prints it.
const release = "NIXVF_TEST_RELEASE"

func TestMain(m *testing.M) {
	if text, ok := os.LookupEnv(release); ok {
		fmt.Println(text)
		return
	}
	os.Exit(m.Run())
}

// The version of a nix is asked for once, as long as it is the same file.
func TestRelease(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	binary, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	install(t, map[string]string{"nix-store": ""})
	program := filepath.Join(os.Getenv("PATH"), "nix")
	put := func(path string, content []byte) {
		t.Helper()
		if err := os.WriteFile(path, content, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	cache := cache.Cache{Dir: t.TempDir()}
	check := func(what, text string, asked bool) {
		t.Helper()
		t.Setenv(release, text)
		traced := 0
		n, err := Find(t.Context(), Log{Trace: func(string) { traced++ }}, cache, nil)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if (n.Release == text) != asked || (traced == 1) != asked {
			t.Errorf("%s: %q after %d commands", what, n.Release, traced)
		}
	}
	put(program, binary)
	check("at first", "nix (Nix) 2.26.3", true)
	check("again", "nix (Nix) 2.26.4", false)

	put(program+".new", binary)
	if err := os.Rename(program+".new", program); err != nil {
		t.Fatal(err)
	}
	check("another file in its place", "nix (Nix) 2.27.0", true)
	check("again", "nix (Nix) 2.27.1", false)
	info, err := os.Stat(program)
	if err != nil {
		t.Fatal(err)
	}
	put(program, binary)
	if err := os.Chtimes(program, info.ModTime(), info.ModTime()); err != nil {
		t.Fatal(err)
	}
	check("written to, with the time and the size of before", "nix (Nix) 2.28.0", true)

	put(program, []byte("#!/bin/sh\necho $"+release+"\n"))
	check("a script", "nix (Nix) 2.29.0", true)
	check("a script again", "nix (Nix) 2.29.1", true)

	if err := os.Remove(program); err != nil {
		t.Fatal(err)
	}
	put(filepath.Join(os.Getenv("PATH"), "many"), binary)
	if err := os.Symlink("many", program); err != nil {
		t.Fatal(err)
	}
	check("a program that is many", "nix (Nix) 2.30.0", true)
	check("a program that is many again", "nix (Nix) 2.30.1", true)
}

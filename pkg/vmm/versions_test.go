package vmm

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/nixvf/nixvf/pkg/cache"
)

func TestVersions(t *testing.T) {
	tests := []struct {
		text  string
		check func(string) error
		ok    bool
	}{
		{"QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7)\n", CheckQEMUVersion, true},
		{"QEMU emulator version 10.0.2\n", CheckQEMUVersion, true},
		{"QEMU emulator version 5.2.0\n", CheckQEMUVersion, false},
		{"something else", CheckQEMUVersion, false},
		{"vfkit version: v0.6.3\n", CheckVfkitVersion, true},
		{"vfkit version: 0.5.1\n", CheckVfkitVersion, true},
		{"vfkit version: v0.5.0\n", CheckVfkitVersion, false},
		{"vfkit version: v0.10.0\n", CheckVfkitVersion, true},
		{"vfkit version: unknown\n", CheckVfkitVersion, true},
		{"vfkit version: v0.6.2\n", checkNestingVersion, true},
		{"vfkit version: v0.6.1\n", checkNestingVersion, false},
		{"vfkit version: v0.5.0\n", checkNestingVersion, false},
		{"vfkit version: unknown\n", checkNestingVersion, true},
		{"vlc version 3\n", CheckVfkitVersion, false},
		{"", CheckVfkitVersion, false},
	}
	for _, tt := range tests {
		if err := tt.check(tt.text); (err == nil) != tt.ok {
			t.Errorf("%q: %v", tt.text, err)
		}
	}
}

// printsVersion is the variable with which the test binary is a program that
// prints it, and askedLog that of the file in which it notes that it was asked.
const printsVersion, askedLog = "NIXVF_TEST_VERSION", "NIXVF_TEST_LOG"

func TestMain(m *testing.M) {
	if text, ok := os.LookupEnv(printsVersion); ok {
		log, err := os.OpenFile(os.Getenv(askedLog), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
		if err == nil {
			_, err = log.WriteString("asked\n")
		}
		fmt.Println(text, err)
		return
	}
	os.Exit(m.Run())
}

// TestVersionIsRemembered asks a program once, and again when it is another one:
// in its place, or where a link to it leads, of the same size and time.
func TestVersionIsRemembered(t *testing.T) {
	dir := t.TempDir()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv(askedLog, filepath.Join(dir, "log"))
	self, err := os.Executable()
	must(err)
	binary, err := os.ReadFile(self)
	must(err)
	put := func(name string) string {
		path := filepath.Join(dir, name)
		must(os.WriteFile(path, binary, 0o755))
		must(os.Chtimes(path, time.Unix(1, 0), time.Unix(1, 0))) // as in a Nix store
		return path
	}
	lead := func(link, target string) {
		must(os.Symlink(target, link+".new"))
		must(os.Rename(link+".new", link))
	}
	v := versions{cache.Cache{Dir: filepath.Join(dir, "cache", "versions")}}
	check := func(what, path, version string, ok bool, asked int) {
		t.Helper()
		t.Setenv(printsVersion, "vfkit version: "+version)
		must(os.WriteFile(os.Getenv(askedLog), nil, 0o600))
		if err := v.check(t.Context(), path, CheckVfkitVersion); (err == nil) != ok {
			t.Errorf("%s: %v", what, err)
		}
		log, err := os.ReadFile(os.Getenv(askedLog))
		must(err)
		if n := strings.Count(string(log), "asked"); n != asked {
			t.Errorf("%s: asked %d times, not %d", what, n, asked)
		}
	}
	old, now, profile := put("old"), put("now"), filepath.Join(dir, "vfkit")
	check("at first", now, "v0.6.3", true, 1)
	check("again", now, "v0.6.3", true, 0)
	lead(profile, old)
	check("an old one", profile, "v0.5.0", false, 1)
	check("what is refused is not remembered", profile, "v0.5.0", false, 1)
	lead(profile, now)
	check("the link leads to a known one", profile, "v0.6.3", true, 0)
	lead(profile, old)
	check("the link leads back", profile, "v0.5.0", false, 1)
	now = put("now")
	check("written to, with the time and the size of before", now, "v0.5.0", false, 1)

	script := filepath.Join(dir, "script")
	must(os.WriteFile(script, []byte("#!/bin/sh\nexec "+self+"\n"), 0o755))
	check("a script", script, "v0.6.3", true, 1)
	check("a script that runs something else now", script, "v0.5.0", false, 1)
	check("a missing program", filepath.Join(dir, "missing"), "", false, 0)
}

// A VMM is chosen by its name, by the path that is given for it, or by the system.
func TestChoose(t *testing.T) {
	native := map[string]string{"darwin": "vfkit"}[runtime.GOOS]
	tests := []struct {
		name     string
		programs Programs
		want     string
	}{
		{"vfkit", Programs{"qemu": "/q"}, "vfkit"},
		{"qemu", Programs{"vfkit": "/v"}, "qemu"},
		{Auto, Programs{"vfkit": "/v", "qemu": "/q"}, "vfkit"},
		{Auto, Programs{"vfkit": "", "qemu": "/q"}, "qemu"},
		{Auto, Programs{"virtiofsd": "/d"}, cmp.Or(native, "qemu")},
	}
	for _, tt := range tests {
		if kind, err := Choose(tt.name, tt.programs); err != nil || kind.Name != tt.want {
			t.Errorf("%s, %v: %s, %v, want %s", tt.name, tt.programs, kind.Name, err, tt.want)
		}
	}
	if _, err := Choose("xhyve", nil); err == nil || err.Error() != `--vmm: "xhyve" is not one of auto, vfkit, qemu` {
		t.Errorf("an unknown one: %v", err)
	}
}

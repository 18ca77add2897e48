package eval

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nixvf/nixvf/pkg/fault"
)

func TestSplit(t *testing.T) {
	tests := []struct{ arg, flake, name string }{
		{".", ".", ""},
		{".#", ".", ""},
		{"#vm", ".", "vm"},
		{".#vm", ".", "vm"},
		{".#nixosConfigurations.vm", ".", "vm"},
		{`.#"web.prod"`, ".", "web.prod"},
		{`.#nixosConfigurations."web.prod"`, ".", "web.prod"},
		{".#web.prod", ".", "web.prod"},
		{"github:o/r/branch?dir=x#vm", "github:o/r/branch?dir=x", "vm"},
		{"/a b/c#d", "/a b/c", "d"},
	}
	for _, tt := range tests {
		flake, name, err := split(tt.arg)
		if flake != tt.flake || name != tt.name || err != nil {
			t.Errorf("%q: %q, %q, %v", tt.arg, flake, name, err)
		}
	}
	for _, bad := range []string{`.#"vm`, `.#vm"`, `.#"v"m"`, `."x"#a"b`, ".#a\nb", `.#"`} {
		if _, _, err := split(bad); fault.Code(err) != 2 {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestResolve(t *testing.T) {
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"flake/sub/deep", "real/x", "empty", "bad#name"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range []string{"flake/flake.nix", "real/flake.nix", "bad#name/flake.nix", "empty/file"} {
		if err := os.WriteFile(filepath.Join(root, file), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("../../real/x", filepath.Join(root, "flake/sub/link")); err != nil {
		t.Fatal(err)
	}
	tests := []struct{ flake, want, failure string }{
		{".", "/flake/sub", ""},
		{"..", "/flake", ""},
		{"./deep", "/flake/sub/deep", ""},
		{"./link", "/real/x", ""},
		{"./link/..", "/real", ""}, // where the link leads, not where it lies
		{"path:..", "path:/flake", ""},
		{"path:../../real?lastModified=1", "path:/real?lastModified=1", ""},
		{"..?dir=sub", "/flake?dir=sub", ""},
		{"path:.", "", "no flake.nix in "},
		{"./none", "", `no such directory: "./none"`},
		{"../flake.nix", "", `"../flake.nix" is not a directory`},
		{"../flake.nix/x", "", `not a directory`},
		{root + "/empty", "", "no flake.nix in "},
		{"github:o/r", "github:o/r", ""},
		{"nixpkgs", "nixpkgs", ""},
		{"git+file:///x", "git+file:///x", ""},
		{"path:/a%20b", "path:/a%20b", ""},
	}
	for _, tt := range tests {
		got, err := resolve(tt.flake, root+"/flake/sub")
		if tt.failure != "" {
			if err == nil || !strings.Contains(err.Error(), tt.failure) {
				t.Errorf("%q: %q, %v; want %q", tt.flake, got, err, tt.failure)
			}
			continue
		}
		if got = strings.Replace(got, root, "", 1); got != tt.want || err != nil {
			t.Errorf("%q: %q, %v; want %q", tt.flake, got, err, tt.want)
		}
	}
	if _, err := resolve(".", root+"/bad#name"); err == nil || !strings.Contains(err.Error(), "'#'") {
		t.Errorf("a directory with #: %v", err)
	}
}

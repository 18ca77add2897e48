package nix

import (
	"slices"
	"testing"
)

func TestOrigin(t *testing.T) {
	tests := []struct{ name, resolved, want string }{
		{"plain directory", `{"path": "/home/me/vm", "type": "path"}`, "/home/me/vm"},
		{"git", `{"type": "git", "url": "file:///home/me/vm"}`, "/home/me/vm"},
		{"subdirectory", `{"dir": "sub", "type": "git", "url": "file:///home/me/my%20vm"}`, "/home/me/my vm/sub"},
		{"branch", `{"ref": "next", "type": "git", "url": "file:///home/me/vm"}`, "/home/me/vm ref=next"},
		{"github", `{"owner": "o", "repo": "r", "type": "github"}`, "type=github owner=o repo=r"},
		{"revision", `{"owner": "o", "repo": "r", "type": "github", "rev": "0123", "narHash": "sha256-x", "lastModified": 1}`,
			"type=github owner=o repo=r"},
		{"remote git", `{"type": "git", "url": "https://example.org/x", "revCount": 3, "dirtyRev": "x"}`, "type=git url=https://example.org/x"},
		{"tarball", `{"type": "tarball", "url": "file:///x.tar.gz"}`, "type=tarball url=file:///x.tar.gz"},
	}
	for _, tt := range tests {
		flake, err := parseMetadata([]byte(`{"url": "u", "resolved": ` + tt.resolved + `}`))
		if err != nil || flake.Origin != tt.want || flake.URL != "u" {
			t.Errorf("%s: %+v, %v; want %q", tt.name, flake, err, tt.want)
		}
	}
	for _, bad := range []string{``, `{}`, `{"url": "u"}`, `{"url": "", "resolved": {}}`, `{"url": 1, "resolved": {}}`} {
		if _, err := parseMetadata([]byte(bad)); err == nil {
			t.Errorf("%q: no error", bad)
		}
	}
}

// What versions of nix say of the same git tree, with changes that are not
// committed.
func TestParseMetadata(t *testing.T) {
	const common = `"url": "git+file:///home/me/vm?dir=sub", "resolved": {"type": "git", "url": "file:///home/me/vm", "dir": "sub"},
		"resolvedUrl": "git+file:///home/me/vm?dir=sub", "lastModified": 1, "locks": {"version": 7, "root": "root", "nodes": {"root": {}}}, `
	for version, text := range map[string]string{
		"2.8":       `"locked": {"type": "git", "narHash": "sha256-x"}, "path": "/nix/store/x-source"`,
		"2.26":      `"locked": {"__final": true, "dirtyRev": "0-dirty", "narHash": "sha256-x"}, "fingerprint": "0", "path": "/nix/store/x-source", "dirtyRevision": "0-dirty"`,
		"2.35":      `"locked": {"dirtyRev": "0-dirty", "narHash": "sha256-x", "type": "git"}, "fingerprint": "0", "path": "/nix/store/x-source"`, // which is not there
		"Lix 2.95":  `"locked": {"dirtyRev": "0-dirty", "narHash": "sha256-x", "type": "git"}, "path": "/nix/store/x-source"`,
		"lazy tree": `"locked": {"dirtyRev": "0-dirty", "type": "git"}`,
	} {
		flake, err := parseMetadata([]byte("{" + common + text + "}"))
		lazy := version == "lazy tree"
		if err != nil || flake.Origin != "/home/me/vm/sub" || flake.URL != "git+file:///home/me/vm?dir=sub" ||
			flake.Hashed == lazy || !lazy && flake.Path != "/nix/store/x-source" || flake.Subdir != "sub" || !flake.LockedBy(nil) {
			t.Errorf("%s: %+v, %v", version, flake, err)
		}
	}
}

func TestHashed(t *testing.T) {
	const self, in = `"locked": {"narHash": "sha256-x"}`, `{"locked": {"narHash": "sha256-y"}}`
	for meta, want := range map[string]bool{
		self + `, "locks": {"root": "r", "nodes": {"r": {}}}`:                                true,
		self + `, "locks": {"root": "r", "nodes": {"r": {}, "a": ` + in + `}}`:               true,
		self + `, "locks": {"root": "r", "nodes": {"r": {}, "a": ` + in + `, "b": {}}}`:      false,
		self + `, "locks": {"root": "r", "nodes": {"r": {}, "b": {"locked": {"rev": "x"}}}}`: false,
		`"locked": {"rev": "x"}, "locks": {"root": "r", "nodes": {"r": {}}}`:                 false,
		self: false,
	} {
		flake, err := parseMetadata([]byte(`{"url": "u", "resolved": {}, ` + meta + `}`))
		if err != nil || flake.Hashed != want {
			t.Errorf("%s: %v, %v", meta, flake.Hashed, err)
		}
	}
}

func TestBelowTarget(t *testing.T) {
	options := []string{"--override-input", "nixpkgs", "/x", "--impure", "--update-input", "a/b", "--inputs-from", ".", "--override-input"}
	want := []string{"--override-input", "target/nixpkgs", "/x", "--impure", "--update-input", "target/a/b", "--inputs-from", ".", "--override-input"}
	kept := slices.Clone(options)
	if got := belowTarget(options); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if !slices.Equal(options, kept) {
		t.Errorf("the options were changed: %q", options)
	}
	if got := belowTarget(nil); len(got) != 0 {
		t.Errorf("%q", got)
	}
}

func TestQuote(t *testing.T) {
	if got, want := Quote("a\"b\\c${d}\ne"), `"a\"b\\c\${d}\ne"`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

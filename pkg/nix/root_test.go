package nix

import (
	"os"
	"path/filepath"
	"testing"
)

// The expected names are what nix hash to-base32 makes of sha1sum's output.
func TestAutoName(t *testing.T) {
	for link, want := range map[string]string{
		"/x": "f81x0pb4g3y9rcxs62nq6q5jq0fjp7k2",
		"/root/.local/state/nixvf/vm-1/roots/system": "8z4fqr9pbffbqd2yig361774s5b28hgd",
	} {
		if got := autoName(link); got != want {
			t.Errorf("%s: %q, want %q", link, got, want)
		}
	}
}

func TestRooted(t *testing.T) {
	state, dir := t.TempDir(), t.TempDir()
	link, path := filepath.Join(dir, "link"), "/nix/store/x"
	symlink := func(target, name string) {
		t.Helper()
		_ = os.Remove(name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(target, name); err != nil {
			t.Fatal(err)
		}
	}
	check := func(what string, want bool) {
		t.Helper()
		if got := rooted(state, link, path); got != want {
			t.Errorf("%s: %v", what, got)
		}
	}
	check("nothing", false)
	symlink(path, link)
	check("a link that Nix does not know", false)
	known := filepath.Join(state, "gcroots/auto", autoName(link))
	symlink(link, known)
	check("a root", true)
	symlink("/nix/store/y", link)
	check("a root for another path", false)
	symlink(path, link)
	symlink(link+"2", known)
	check("another root of that name", false)

	// Where the state is elsewhere, it is not looked for.
	t.Setenv("NIX_STATE_DIR", state)
	if (Settings{Store: "auto"}).Rooted(link, path) {
		t.Error("rooted in NIX_STATE_DIR")
	}
}

package eval

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/nixvf/nixvf/pkg/place"
)

// runGit runs git in a directory.
func runGit(t *testing.T, dir string, args ...string) {
	t.Helper()
	args = append([]string{"-C", dir, "-c", "user.name=n", "-c", "user.email=e@example.org"}, args...)
	if out, err := exec.Command("git", args...).CombinedOutput(); err != nil {
		t.Fatalf("git %q: %v\n%s", args, err, out)
	}
}

// A flake can be a part of a repository, a second work tree of it, or known by
// a name.
func TestPlaces(t *testing.T) {
	realNix(t)
	dir := newFlake(t)
	base := filepath.Dir(dir)
	repo, tree := filepath.Join(base, "repo"), filepath.Join(base, "tree")
	if err := os.CopyFS(filepath.Join(repo, "machines"), os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	write(t, map[string]string{filepath.Join(base, "registry.json"): `{"version": 2, "flakes": [{
		"from": {"type": "indirect", "id": "known"}, "to": {"type": "path", "path": "` + dir + `"}}]}`})
	t.Setenv("NIX_CONFIG", os.Getenv("NIX_CONFIG")+"experimental-features = nix-command flakes\nflake-registry = "+base+"/registry.json\n")
	runGit(t, repo, "init", "-q")
	runGit(t, repo, "add", ".")
	runGit(t, repo, "commit", "-qm", "x")
	runGit(t, repo, "worktree", "add", "-q", "--detach", tree)

	var stderr bytes.Buffer
	check := func(how, workdir, arg, want string) {
		t.Helper()
		r := request(dir, arg, &stderr)
		r.Host.Dir = workdir
		if doc := evaluate(t, r); doc.Name != "vm" || want != "" && doc.ID != place.ID(want, "vm") {
			t.Errorf("%s: name %q, id %q", how, doc.Name, doc.ID)
		}
	}
	here, there := filepath.Join(repo, "machines"), filepath.Join(tree, "machines")
	check("a directory of a repository", repo, "./machines#vm", here)
	check("its URL", "/", "git+file://"+repo+"?dir=machines#vm", here)
	check("the same in another work tree", tree, "./machines#vm", there)
	check("a name of the registry", "/", "known#vm", "")
	// not committed, it is there all the same
	write(t, map[string]string{filepath.Join(there, "good/kernel"): "changed"})
	check("changed and not committed", there, ".#vm", there)
}

package eval

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"

	"github.com/nixvf/nixvf/pkg/evalcache"
	"github.com/nixvf/nixvf/pkg/nix"
	"github.com/nixvf/nixvf/pkg/worktree"
)

// source is a flake in a git work tree in one of its states. What nix says of it
// is then the same each time, with one more condition ([source.locks]).
type source struct {
	dir  string // where flake.nix is
	tree *worktree.Tree
}

// source reads the work tree that ref names, meanwhile. The channel has nil for
// a flake that is elsewhere, and when options say more of its inputs.
func (e *evaluation) source(ref string) <-chan *source {
	found := make(chan *source, 1)
	go func() { found <- e.readSource(ref) }()
	return found
}

func (e *evaluation) readSource(ref string) *source {
	if !filepath.IsAbs(ref) || strings.Contains(ref, "?") || !e.nix.OnlySettings() {
		return nil
	}
	dir, err := findFlake(ref, true)
	if err != nil {
		return nil
	}
	tree, err := worktree.Read(dir)
	if err != nil || !tree.Tracks(filepath.Join(dir, "flake.nix")) {
		return nil
	}
	return &source{dir, tree}
}

// locks reports whether the flake's lock file, if it needs one, says what its
// inputs are. If not, nix looks for them each time, and finds other ones.
func (s *source) locks(flake nix.Flake) bool {
	file := filepath.Join(s.dir, "flake.lock")
	if !s.tree.Tracks(file) {
		return flake.LockedBy(nil)
	}
	lock, err := os.ReadFile(file)
	return err == nil && flake.LockedBy(lock)
}

// describe returns what nix says of a flake. It is not asked again about a work
// tree that has not changed.
func (e *evaluation) describe(ctx context.Context, ref string, found <-chan *source) (nix.Flake, error) {
	s := <-found
	if s == nil {
		return e.nix.Metadata(ctx, ref)
	}
	options, err := json.Marshal(e.nix.Options)
	if err != nil {
		return nix.Flake{}, err
	}
	cache, key := e.results("flakes"), evalcache.NewKey([]byte(format), []byte(e.nix.Release), e.settings.Text,
		options, []byte(ref), []byte(s.dir), s.tree.State[:])
	var flake nix.Flake
	if !e.Fresh && cache.Load(key, &flake) {
		return flake, nil
	}
	if flake, err = e.nix.Metadata(ctx, ref); err != nil {
		return flake, err
	}
	if !s.locks(flake) {
		return flake, nil
	}
	if again := e.readSource(ref); again != nil && again.dir == s.dir && again.tree.State == s.tree.State {
		cache.Store(key, flake)
	}
	return flake, nil
}

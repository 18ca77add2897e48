package eval

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/nixvf/nixvf/pkg/cache"
	"github.com/nixvf/nixvf/pkg/nix"
	"github.com/nixvf/nixvf/pkg/worktree"
)

// source is a flake in a git work tree in one of its states. What nix says of it
// is then the same each time, with one more condition ([source.locks]).
type source struct {
	dir  string // where flake.nix is
	tree *worktree.Tree
}

// reading is a work tree that has been read. It holds no source for a flake that
// is elsewhere, and when options say more of its inputs.
type reading struct {
	source *source
	err    error // what nix would choke on
}

// source reads the work tree that ref names, meanwhile.
func (e *evaluation) source(ref string) <-chan reading {
	found := make(chan reading, 1)
	go func() {
		s, err := e.readSource(ref)
		found <- reading{s, err}
	}()
	return found
}

func (e *evaluation) readSource(ref string) (*source, error) {
	if !filepath.IsAbs(ref) || strings.Contains(ref, "?") {
		return nil, nil
	}
	dir, err := findFlake(ref, true)
	if err != nil {
		return nil, nil
	}
	tree, err := worktree.Read(dir)
	var bad *worktree.NotRegularError
	switch {
	case errors.As(err, &bad):
		return nil, fmt.Errorf("flake: %w", bad)
	case err != nil || !tree.Tracks(filepath.Join(dir, "flake.nix")) || !e.nix.OnlySettings():
		return nil, nil
	}
	return &source{dir, tree}, nil
}

// locks reports whether the flake's lock file, if it needs one, says what its
// inputs are. If not, nix looks for them each time, and finds other ones.
func (s *source) locks(flake nix.Flake) bool {
	file := filepath.Join(s.dir, "flake.lock")
	if !s.tree.Tracks(file) {
		return flake.LockedBy(nil)
	}
	lock, err := worktree.ReadRegular(file)
	return err == nil && flake.LockedBy(lock)
}

// describe returns what nix says of a flake. It is not asked again about a work
// tree that has not changed.
func (e *evaluation) describe(ctx context.Context, ref string, found <-chan reading) (nix.Flake, error) {
	read := <-found
	s := read.source
	if read.err != nil {
		return nix.Flake{}, read.err
	}
	if s == nil {
		return e.nix.Metadata(ctx, ref)
	}
	options, err := json.Marshal(e.nix.Options)
	if err != nil {
		return nix.Flake{}, err
	}
	cache, key := e.results("flakes"), cache.NewKey([]byte(format), []byte(e.nix.Release), e.settings.Text,
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
	if again, err := e.readSource(ref); err == nil && again != nil && again.dir == s.dir && again.tree.State == s.tree.State {
		cache.Store(key, flake)
	}
	return flake, nil
}

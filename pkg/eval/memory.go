package eval

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/nixvf/nixvf/pkg/cache"
	"github.com/nixvf/nixvf/pkg/nix"
	"github.com/nixvf/nixvf/pkg/nixos"
)

// memory is what is remembered of an evaluation. Nix remembers none of what is
// asked through the wrapper; otherwise none of a plain directory and, from 2.21
// to 2.25, of a git tree with changes that are not committed.
type memory struct {
	remembered
	cache   cache.Cache
	key     cache.Key
	changed bool // it differs from what the cache has
}

// remembered is the part that the cache keeps. What was built is empty where
// nothing was.
type remembered struct {
	Answer       json.RawMessage // of the wrapper flake
	Toplevel     string
	Additional   []string
	Registration string   // the store path
	Unlisted     []string // mangled names that the registration has no list of, quoted
}

// format is a part of each key. It changes when remembered does.
const format = "2"

// remember returns the memory of this evaluation. It goes by everything that an
// evaluation can depend on when it is pure: Nix and its settings, the wrapper
// flake, which is known by its content, the flake with its inputs, and what was
// asked. Without a hash of each input, or when impurity was asked for, nothing
// is remembered.
func (e *evaluation) remember(flake nix.Flake) *memory {
	if !flake.Hashed || !e.settings.Pure || impure(e.nix.Options) {
		return &memory{}
	}
	options, err := json.Marshal(e.nix.Options)
	if err != nil {
		return &memory{}
	}
	key := cache.NewKey([]byte(format), []byte(e.nix.Release), e.settings.Text,
		[]byte(nixos.Digest()), flake.Metadata, []byte(e.name), options)
	return &memory{cache: e.results("eval"), key: key}
}

// results is the part of the cache for results of one kind.
func (e *evaluation) results(kind string) cache.Cache {
	return cache.Cache{Dir: filepath.Join(e.cache, kind)}
}

// impure reports whether options for nix let an evaluation see more than its
// inputs.
func impure(options []string) bool {
	return slices.ContainsFunc(options, func(option string) bool {
		return strings.Contains(option, "impure") || strings.Contains(option, "pure-eval") ||
			slices.Contains([]string{"-I", "--include", "-f", "--file", "--expr"}, option)
	})
}

// recall reports whether the answer is known, and all that is needed to go on
// from there is in the store: what was built, or how to build it.
func (m *memory) recall(fresh bool) bool {
	m.changed = true
	if fresh || !m.cache.Load(m.key, &m.remembered) {
		return false
	}
	if m.built() {
		m.changed = false
		return true
	}
	var a answer
	if json.Unmarshal(m.Answer, &a) != nil {
		return false
	}
	want := wanted(append(a.Additional, a.Toplevel)...)
	for drv := range want.Outputs {
		want.Paths = append(want.Paths, drv)
	}
	return exist(want.Paths...)
}

// built reports whether what was built is there still.
func (m *memory) built() bool {
	return m.Toplevel != "" && exist(m.Toplevel, m.Registration) && exist(m.Additional...)
}

func exist(paths ...string) bool {
	return !slices.ContainsFunc(paths, func(path string) bool {
		_, err := os.Lstat(path)
		return err != nil
	})
}

// forget keeps this evaluation from being remembered.
func (m *memory) forget() { m.cache.Dir = "" }

// store remembers what is new.
func (m *memory) store() {
	if m.changed {
		m.cache.Store(m.key, m.remembered)
		m.changed = false
	}
}

// reroot makes the roots of an evaluation whose system is built already, as far
// as they do not stand.
func (e *evaluation) reroot(ctx context.Context) error {
	before := e.rooted("system")
	roots := map[string][]string{
		"system": {e.memory.Toplevel}, "additional": e.memory.Additional, "registration": {e.memory.Registration},
	}
	failures := make(chan error, len(roots))
	for name, paths := range roots {
		go func() { failures <- e.root(ctx, name, paths) }()
	}
	var failure error
	for range roots {
		if err := <-failures; err != nil {
			failure = err
		}
	}
	if failure != nil {
		return failure
	}
	e.expired(before, e.memory.Toplevel)
	return e.tidyRoots(e.memory.Additional)
}

// root roots store paths by a link of this name. A path that is not there is an
// error that nobody needs to see.
func (e *evaluation) root(ctx context.Context, name string, paths []string) error {
	if len(paths) == 0 || e.stand(name, paths) {
		return nil
	}
	link, err := e.link(name)
	if err != nil {
		return err
	}
	return e.nix.Quiet().Root(ctx, link, paths...)
}

// stand reports whether each of the paths has a root already whose name begins
// so. Numbers follow where there are several.
func (e *evaluation) stand(name string, paths []string) bool {
	dir := filepath.Dir(e.vm.Root(name))
	links, err := os.ReadDir(dir)
	rooted := func(path string) bool {
		return slices.ContainsFunc(links, func(link os.DirEntry) bool {
			return strings.HasPrefix(link.Name(), name) && e.settings.Rooted(filepath.Join(dir, link.Name()), path)
		})
	}
	return !e.NoLink && err == nil && !slices.ContainsFunc(paths, func(path string) bool { return !rooted(path) })
}

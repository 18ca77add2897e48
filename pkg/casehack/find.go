package casehack

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/nixvf/nixvf/pkg/cache"
)

// Finder finds mangled names in store paths. A store path never changes: each is
// walked once, and remembered.
type Finder struct {
	Store string // the directory that the store paths lie in
	Cache cache.Cache
	Fresh bool // walk all of them again
}

// Found is what is mangled in store paths.
type Found struct {
	Names []Name // in the order of a list
	// Unlisted are stored paths with a line break, which cannot be in a list,
	// quoted as in Go.
	Unlisted []string
	// Unread says which store paths could not be read, an error for each. They
	// are not remembered.
	Unread []error
}

// record is what is remembered of a store path.
type record struct {
	Path     string
	List     []byte   `json:",omitempty"` // as [Format] writes it: names need not be UTF-8
	Unlisted []string `json:",omitempty"`
}

// most is the number of store paths that are remembered: several systems' worth,
// in a file of two megabytes.
const most = 20000

// key names what is remembered in a cache. It changes with record.
var key = cache.NewKey([]byte("case hack 1"))

// Find returns what is mangled in store paths, which are absolute. Only ctx's end
// is an error.
func (f Finder) Find(ctx context.Context, paths []string) (Found, error) {
	known, order := f.load()
	var unknown []string
	for _, path := range paths {
		name := filepath.Base(path)
		if _, ok := known[name]; !ok || f.Fresh {
			unknown = append(unknown, name)
		}
	}
	walked, unread := f.walkAll(ctx, unknown)
	if err := ctx.Err(); err != nil {
		return Found{}, err
	}
	found := Found{Unread: unread}
	var used []record
	for _, path := range paths {
		r, ok := walked[filepath.Base(path)]
		if !ok {
			r, ok = known[filepath.Base(path)]
		}
		if ok {
			used = append(used, r)
			names, _ := Parse(r.List) // it has been checked, or just been made
			found.Names = append(found.Names, names...)
			found.Unlisted = append(found.Unlisted, r.Unlisted...)
		}
	}
	slices.SortFunc(found.Names, compare)
	if len(walked) > 0 {
		f.Cache.Store(key, merge(used, order))
	}
	return found, nil
}

// load returns what is remembered, by name of the store path and in order, the
// last used first. What is not as it was written is left out.
func (f Finder) load() (map[string]record, []record) {
	var all []record
	if !f.Cache.Load(key, &all) {
		return nil, nil
	}
	known := map[string]record{}
	for _, r := range all {
		if r.valid() {
			known[r.Path] = r
		}
	}
	return known, all
}

// valid reports whether r can be the record of a store path.
func (r record) valid() bool {
	names, err := Parse(r.List)
	return err == nil && r.Path != "" && !slices.ContainsFunc(names, func(n Name) bool { return n.StorePath() != r.Path })
}

// merge returns the records to remember: those that are used, and then as many
// of the others as there is room for.
func merge(used, others []record) []record {
	seen := map[string]bool{}
	var all []record
	for _, r := range slices.Concat(used, others) {
		if !seen[r.Path] && r.valid() && len(all) < most {
			seen[r.Path] = true
			all = append(all, r)
		}
	}
	return all
}

// walkAll walks store paths, several at a time, and returns what is to be
// remembered of each that could be read.
func (f Finder) walkAll(ctx context.Context, names []string) (map[string]record, []error) {
	var mutex sync.Mutex
	walked := map[string]record{}
	var unread []error
	todo := make(chan string)
	var workers sync.WaitGroup
	for range min(atOnce, len(names)) {
		workers.Go(func() {
			for name := range todo {
				found, err := walk(ctx, f.Store, name)
				mutex.Lock()
				if err != nil {
					unread = append(unread, fmt.Errorf("%s: %w", filepath.Join(f.Store, name), err))
				} else {
					walked[name] = newRecord(name, found)
				}
				mutex.Unlock()
			}
		})
	}
	for _, name := range names {
		todo <- name
	}
	close(todo)
	workers.Wait()
	return walked, unread
}

// atOnce is the number of store paths that are walked at a time. Most are small.
const atOnce = 4

// newRecord returns the record of a store path with these mangled names.
func newRecord(path string, names []Name) record {
	r := record{Path: path}
	var listed []Name
	for _, name := range names {
		if strings.Contains(name.Stored, "\n") {
			r.Unlisted = append(r.Unlisted, strconv.Quote(name.Stored))
		} else {
			listed = append(listed, name)
		}
	}
	r.List = Format(listed)
	return r
}

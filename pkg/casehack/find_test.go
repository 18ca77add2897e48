package casehack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/nixvf/nixvf/pkg/cache"
)

// plant makes files in the store's directory, and their directories. A name that
// ends in "@" is a link to the store itself.
func plant(t testing.TB, store string, files ...string) {
	t.Helper()
	for _, file := range files {
		path := filepath.Join(store, file)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		var err error
		if link, ok := strings.CutSuffix(path, "@"); ok {
			err = os.Symlink(store, link)
		} else {
			err = os.WriteFile(path, nil, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// find returns what is found in all that lies in the finder's store.
func find(t *testing.T, f Finder) Found {
	t.Helper()
	entries, err := os.ReadDir(f.Store)
	if err != nil {
		t.Fatal(err)
	}
	var paths []string
	for _, entry := range entries {
		paths = append(paths, filepath.Join(f.Store, entry.Name()))
	}
	found, err := f.Find(t.Context(), paths)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestFind(t *testing.T) {
	f := Finder{Store: t.TempDir()}
	plant(t, f.Store,
		"h-file",
		"h-link@",
		"h-clean/X", "h-clean/sub/x", "h-clean/store@",
		"h-flat/FOO", "h-flat/Foo~nix~case~hack~1", "h-flat/foo~nix~case~hack~2",
		"h-links/A@", "h-links/a~nix~case~hack~1@",
		"h-nested/Dir/x", "h-nested/dir~nix~case~hack~1/Sub/x",
		"h-nested/dir~nix~case~hack~1/sub~nix~case~hack~1/X", "h-nested/dir~nix~case~hack~1/sub~nix~case~hack~1/x~nix~case~hack~1",
		"h-nested/dir~nix~case~hack~1/plain/Y", "h-nested/dir~nix~case~hack~1/plain/y~nix~case~hack~1",
		// what is called so by itself
		"h-genuine/alone~nix~case~hack~1",
		"h-genuine/Two", "h-genuine/two~nix~case~hack~1", "h-genuine/two~nix~case~hack~2",
		"h-genuine/dir~nix~case~hack~1/Z", "h-genuine/dir~nix~case~hack~1/z~nix~case~hack~1",
		"h-line/Foo", "h-line/a\nb/X", "h-line/a\nb/x~nix~case~hack~1", "h-line/foo~nix~case~hack~1",
	)
	if runtime.GOOS != "darwin" { // whose file system has no such names
		plant(t, f.Store, "h-genuine/Both", "h-genuine/both", "h-genuine/both~nix~case~hack~1")
	}
	found := find(t, f)
	want := `h-flat/Foo~nix~case~hack~1//h-flat/Foo
h-flat/foo~nix~case~hack~2//h-flat/foo
h-genuine/dir~nix~case~hack~1/z~nix~case~hack~1//h-genuine/dir~nix~case~hack~1/z
h-line/foo~nix~case~hack~1//h-line/foo
h-links/a~nix~case~hack~1//h-links/a
h-nested/dir~nix~case~hack~1//h-nested/dir
h-nested/dir~nix~case~hack~1/plain/y~nix~case~hack~1//h-nested/dir/plain/y
h-nested/dir~nix~case~hack~1/sub~nix~case~hack~1//h-nested/dir/sub
h-nested/dir~nix~case~hack~1/sub~nix~case~hack~1/x~nix~case~hack~1//h-nested/dir/sub/x
`
	if got := string(Format(found.Names)); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if _, err := Parse([]byte(want)); err != nil {
		t.Error(err)
	}
	if !slices.Equal(found.Unlisted, []string{`"h-line/a\nb/x~nix~case~hack~1"`}) || len(found.Unread) > 0 {
		t.Errorf("%q, %v", found.Unlisted, found.Unread)
	}
}

// newFinder returns a finder with a cache, in a store with one mangled name.
func newFinder(t *testing.T) Finder {
	t.Helper()
	dir := t.TempDir()
	f := Finder{Store: filepath.Join(dir, "store"), Cache: cache.Cache{Dir: filepath.Join(dir, "cache")}}
	end := "\xff"
	if runtime.GOOS == "darwin" { // whose names are UTF-8
		end = ""
	}
	plant(t, f.Store, "h-a/X"+end, "h-a/x"+end+"~nix~case~hack~1", "h-a/a\nX", "h-a/a\nx~nix~case~hack~1", "h-b/y")
	return f
}

// text returns all that is found, to compare.
func text(found Found) string {
	return fmt.Sprintf("%q %q %v", found.Names, found.Unlisted, found.Unread)
}

// What has been walked is not looked at again: a store path never changes.
func TestRemembered(t *testing.T) {
	f := newFinder(t)
	first := find(t, f)
	if len(first.Names) != 1 || len(first.Unlisted) != 1 {
		t.Fatal(text(first))
	}
	for _, name := range []string{"h-a", "h-b"} {
		if err := os.RemoveAll(filepath.Join(f.Store, name)); err != nil {
			t.Fatal(err)
		}
		plant(t, f.Store, name+"/other")
	}
	plant(t, f.Store, "h-c/Z", "h-c/z~nix~case~hack~1")
	second := find(t, f)
	if len(second.Names) != 2 || second.Names[0] != first.Names[0] || !slices.Equal(second.Unlisted, first.Unlisted) {
		t.Errorf("%s, and then %s", text(first), text(second))
	}
	f.Fresh = true
	if fresh := find(t, f); len(fresh.Names) != 1 || fresh.Names[0].StorePath() != "h-c" {
		t.Errorf("fresh: %s", text(fresh))
	}
	f.Fresh = false
	if third := find(t, f); len(third.Names) != 1 {
		t.Errorf("what is fresh is not remembered: %s", text(third))
	}
}

// A store path that could not be read is looked at again.
func TestUnread(t *testing.T) {
	f := newFinder(t)
	missing := filepath.Join(f.Store, "h-missing")
	for range 2 {
		found, err := f.Find(t.Context(), []string{missing, filepath.Join(f.Store, "h-a")})
		if err != nil || len(found.Names) != 1 || len(found.Unread) != 1 || !errors.Is(found.Unread[0], os.ErrNotExist) ||
			!strings.HasPrefix(found.Unread[0].Error(), missing+": ") {
			t.Errorf("%s, %v", text(found), err)
		}
	}
	plant(t, f.Store, "h-missing/Z", "h-missing/z~nix~case~hack~1")
	if found := find(t, f); len(found.Names) != 2 {
		t.Error(text(found))
	}
}

func TestCancelled(t *testing.T) {
	f := newFinder(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if found, err := f.Find(ctx, []string{filepath.Join(f.Store, "h-a")}); !errors.Is(err, context.Canceled) {
		t.Errorf("%s, %v", text(found), err)
	}
	if _, err := os.Stat(f.Cache.Dir); err == nil {
		t.Error("something is remembered")
	}
}

// What is remembered and cannot be is walked again.
func TestForeign(t *testing.T) {
	f := newFinder(t)
	want := text(find(t, f))
	for _, records := range [][]record{
		{{Path: "h-a", List: []byte("h-a/y~nix~case~hack~1//h-b/y\n")}},
		{{Path: "h-a", List: []byte("h-b/y~nix~case~hack~1//h-b/y\n")}},
		{{Path: "h-a", List: []byte("../y~nix~case~hack~1//../y\n")}},
		{{List: []byte("x")}},
		nil,
	} {
		f.Cache.Store(key, records)
		if got := text(find(t, f)); got != want {
			t.Errorf("%q: %s, want %s", records, got, want)
		}
	}
	f.Cache.Store(key, "text")
	if got := text(find(t, f)); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// What was not used for longest is forgotten.
func TestMost(t *testing.T) {
	f := newFinder(t)
	var old []record
	for i := range most {
		old = append(old, record{Path: fmt.Sprintf("h-%d", i)})
	}
	f.Cache.Store(key, old)
	find(t, f)
	known, order := f.load()
	if len(known) != most || order[0].Path != "h-a" || order[1].Path != "h-b" || order[2].Path != "h-0" {
		t.Errorf("%d records, first %q", len(known), order[:3])
	}
	if _, ok := known[fmt.Sprintf("h-%d", most-1)]; ok {
		t.Error("the last one is kept")
	}
}

// TestParallel has many walk and remember at once.
func TestParallel(t *testing.T) {
	f := newFinder(t)
	want := text(find(t, f))
	if err := os.RemoveAll(f.Cache.Dir); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			f := f
			f.Fresh = i%2 == 0
			for range 20 {
				if got := text(find(t, f)); got != want {
					t.Errorf("%s, want %s", got, want)
				}
			}
		})
	}
	all.Wait()
}

// FuzzRecord reads whatever is remembered: what counts as the record of a store
// path names nothing outside of that.
func FuzzRecord(f *testing.F) {
	f.Add([]byte(`{"Path": "h", "List": "aC94fm5peH5jYXNlfmhhY2t+MS8vaC94Cg=="}`))
	f.Add([]byte(`{"Path": "h", "Unlisted": ["x"]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var r record
		if json.Unmarshal(data, &r) != nil || !r.valid() {
			return
		}
		names, err := Parse(r.List)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			if !strings.HasPrefix(name.Stored, r.Path+"/") || !strings.HasPrefix(name.Real, r.Path+"/") {
				t.Errorf("%q of %q", name, r.Path)
			}
		}
		if again := newRecord(r.Path, names); string(again.List) != string(r.List) {
			t.Errorf("%q is remembered as %q", r, again)
		}
	})
}

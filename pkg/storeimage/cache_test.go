package storeimage

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nixvf/nixvf/pkg/lock"
	"github.com/nixvf/nixvf/pkg/place"
)

// hostWith makes a host with images of the given names in its cache.
func hostWith(t *testing.T, names ...string) (place.Host, func(name string) string) {
	t.Helper()
	home := t.TempDir()
	host := place.Host{Lookup: func(name string) (string, bool) { return home, name == "HOME" }}
	dir, err := host.StoreImages()
	if err == nil {
		err = os.MkdirAll(dir, 0o700)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o444); err != nil {
			t.Fatal(err)
		}
	}
	return host, func(name string) string { return filepath.Join(dir, name) }
}

func machine(t *testing.T, host place.Host, id string) place.VM {
	t.Helper()
	vm, err := host.VM(id, "", "")
	if err == nil {
		err = os.MkdirAll(vm.Dir, 0o700)
	}
	if err != nil {
		t.Fatal(err)
	}
	return vm
}

func bases(paths []string) (names []string) {
	for _, path := range paths {
		names = append(names, filepath.Base(path))
	}
	return names
}

func TestPrune(t *testing.T) {
	host, image := hostWith(t, "kept.img", "before.img", "running.img", "fresh.img", "none.txt", ".dead.img.nixvf-12")
	vm := machine(t, host, "web")
	for _, name := range []string{"before.img", "kept.img", "kept.img"} {
		if err := Keep(vm, image(name)); err != nil {
			t.Fatal(err)
		}
	}
	locks, err := host.DiskLocks()
	if err != nil {
		t.Fatal(err)
	}
	l, err := lock.ShareImage(locks, image("running.img"))
	if err != nil {
		t.Fatal(err)
	}
	yesterday := time.Now().Add(-25 * time.Hour)
	for _, name := range []string{"kept.img", "before.img", "running.img"} {
		if err := os.Chtimes(image(name), yesterday, yesterday); err != nil {
			t.Fatal(err)
		}
	}
	prune := func(unused time.Duration, want ...string) {
		t.Helper()
		removed, err := Prune(host, unused)
		if err != nil || !slices.Equal(bases(removed), want) {
			t.Errorf("removed %q, %v, want %q", bases(removed), err, want)
		}
	}
	prune(24*time.Hour, "before.img")
	prune(0, "fresh.img")
	if err := l.Unshare(); err != nil {
		t.Error(err)
	}
	prune(0, "running.img")
	for range 2 {
		if err := Drop(vm); err != nil {
			t.Error(err)
		}
	}
	prune(0, "kept.img")
	prune(0)
	left, err := os.ReadDir(filepath.Dir(image("x")))
	if err != nil || len(left) != 1 || left[0].Name() != "none.txt" {
		t.Errorf("left: %v, %v", left, err)
	}
	empty, _ := hostWith(t)
	if removed, err := Prune(empty, 0); len(removed) > 0 || err != nil {
		t.Errorf("nothing there: %q, %v", removed, err)
	}
}

func TestPruneDaily(t *testing.T) {
	host, image := hostWith(t)
	old := func() {
		t.Helper()
		yesterday := time.Now().Add(-25 * time.Hour)
		if err := os.WriteFile(image("old.img"), nil, 0o444); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(image("old.img"), yesterday, yesterday); err != nil {
			t.Fatal(err)
		}
	}
	there := func() bool {
		_, err := os.Stat(image("old.img"))
		return err == nil
	}
	old()
	PruneDaily(host)
	if there() {
		t.Error("the first one of the day leaves it")
	}
	old()
	PruneDaily(host)
	if !there() {
		t.Error("the second one of the day removes it")
	}
	yesterday := time.Now().Add(-25 * time.Hour)
	if err := os.Chtimes(image(stamp), yesterday, yesterday); err != nil {
		t.Fatal(err)
	}
	PruneDaily(host)
	if there() {
		t.Error("the one of the next day leaves it")
	}
}

// A VM that starts finds its image used, and an image that is there is not made.
func TestEnsureFinds(t *testing.T) {
	_, image := hostWith(t, "x.img")
	yesterday := time.Now().Add(-25 * time.Hour)
	if err := os.Chtimes(image("x.img"), yesterday, yesterday); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", "")
	if err := Ensure(t.Context(), image("x.img"), []string{"/nix/store/x"}); err != nil {
		t.Error(err)
	}
	if info, err := os.Stat(image("x.img")); err != nil || time.Since(info.ModTime()) > time.Hour {
		t.Errorf("%v, %v", info.ModTime(), err)
	}
	if err := Ensure(t.Context(), image("y.img"), []string{"/nix/store/x"}); err == nil || !strings.Contains(err.Error(), "nix is not in PATH") {
		t.Errorf("without nix: %v", err)
	}
}

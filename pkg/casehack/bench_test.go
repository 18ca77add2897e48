package casehack

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nixvf/nixvf/pkg/cache"
)

// BenchmarkFind looks for mangled names in what a NixOS system has: 1,500 store
// paths with 300,000 files. It compares the walk with filepath.WalkDir, and with
// a walk that is remembered.
func BenchmarkFind(b *testing.B) {
	store := b.TempDir()
	var paths []string
	for i := range 1500 {
		paths = append(paths, filepath.Join(store, fmt.Sprintf("%032d-package-1.0", i)))
		for j := range 20 {
			for k := range 10 {
				plant(b, paths[i], fmt.Sprintf("share/%02d/file-%d", j, k))
			}
		}
	}
	find := func(b *testing.B, f Finder) {
		for b.Loop() {
			if _, err := f.Find(b.Context(), paths); err != nil {
				b.Fatal(err)
			}
		}
	}
	cache := cache.Cache{Dir: b.TempDir()}
	b.Run("first", func(b *testing.B) { find(b, Finder{store, cache, true}) })
	b.Run("again", func(b *testing.B) { find(b, Finder{store, cache, false}) })
	b.Run("WalkDir", func(b *testing.B) {
		for b.Loop() {
			walkDir(b, paths)
		}
	})
}

// walkDir is the walk without a library.
func walkDir(b *testing.B, paths []string) {
	for _, path := range paths {
		err := filepath.WalkDir(path, func(path string, entry fs.DirEntry, err error) error {
			if strings.Contains(entry.Name(), infix) {
				b.Error(path)
			}
			return err
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}

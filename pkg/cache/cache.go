// Package cache keeps results on disk: evaluations, walks through the store, and
// what programs answer when asked for their version. It owns the files and their
// keys. The caller decides what determines a result.
//
// A cache may be lost at any time. A file that cannot be read, or has been
// changed, counts as missing; a result that cannot be written is not kept.
// Processes may share a cache. The package imports nothing of nixvf.
package cache

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// Cache is a directory of results. The zero Cache remembers nothing.
type Cache struct{ Dir string }

// Key names a result by all that goes into it.
type Key string

// NewKey returns the key for these parts, in this order.
func NewKey(parts ...[]byte) Key {
	hash := sha256.New()
	for _, part := range parts {
		fmt.Fprintf(hash, "%d\n", len(part))
		hash.Write(part)
	}
	return Key(hex.EncodeToString(hash.Sum(nil)))
}

// entry is the content of a file. The key in it tells a file that was copied
// or renamed, the hash one that was damaged.
type entry struct {
	Key    Key
	SHA256 string
	Result json.RawMessage
}

// maxEntry is the size in bytes up to which results are remembered, and most
// their number.
const (
	maxEntry = 16 << 20
	most     = 100
)

func (c Cache) file(key Key) string { return filepath.Join(c.Dir, string(key)+".json") }

// Load reads the result for key into result, as json.Unmarshal does, and
// reports whether there is one.
func (c Cache) Load(key Key, result any) bool {
	if c.Dir == "" {
		return false
	}
	f, err := os.Open(c.file(key))
	if err != nil {
		return false
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxEntry+1))
	var e entry
	if err != nil || json.Unmarshal(data, &e) != nil || e.Key != key || e.SHA256 != sum(e.Result) {
		return false
	}
	if json.Unmarshal(e.Result, result) != nil {
		return false
	}
	now := time.Now() // the least recently used go first
	_ = os.Chtimes(f.Name(), now, now)
	return true
}

// Store remembers the result for key, as json.Marshal writes it, and forgets
// the results that were not used for longest when there are too many.
func (c Cache) Store(key Key, result any) {
	data, err := json.Marshal(result)
	if c.Dir == "" || err != nil {
		return
	}
	data, err = json.Marshal(entry{key, sum(data), data})
	if err != nil || len(data) > maxEntry || os.MkdirAll(c.Dir, 0o700) != nil {
		return
	}
	f, err := os.CreateTemp(c.Dir, ".new-")
	if err != nil {
		return
	}
	defer os.Remove(f.Name()) // which is there only if renaming failed
	_, err = io.Copy(f, bytes.NewReader(data))
	if closed := f.Close(); err == nil && closed == nil && os.Rename(f.Name(), c.file(key)) == nil {
		c.trim()
	}
}

// trim removes the files that were not used for longest, and what a killed
// process left. One that cannot be removed does no harm.
func (c Cache) trim() {
	type file struct {
		name string
		used time.Time
	}
	var files []file
	entries, _ := os.ReadDir(c.Dir)
	for _, e := range entries {
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() {
			files = append(files, file{filepath.Join(c.Dir, e.Name()), info.ModTime()})
		}
	}
	slices.SortFunc(files, func(a, b file) int { return cmp.Compare(b.used.UnixNano(), a.used.UnixNano()) })
	for _, f := range files[min(most, len(files)):] {
		os.Remove(f.name)
	}
}

func sum(data []byte) string {
	hash := sha256.Sum256(data)
	return hex.EncodeToString(hash[:])
}

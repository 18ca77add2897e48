package cache

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"
)

func TestKey(t *testing.T) {
	keys := map[Key]string{}
	for _, parts := range [][]string{{}, {""}, {"", ""}, {"ab"}, {"a", "b"}, {"b", "a"}, {"1\na"}, {"a", "1\nb"}} {
		var raw [][]byte
		for _, p := range parts {
			raw = append(raw, []byte(p))
		}
		key := NewKey(raw...)
		if other, ok := keys[key]; ok {
			t.Errorf("%q has the key of %s", parts, other)
		}
		keys[key] = strconv.Quote(string(bytes.Join(raw, []byte("|"))))
	}
}

func TestCache(t *testing.T) {
	c := Cache{filepath.Join(t.TempDir(), "cache")}
	key, other := NewKey([]byte("a")), NewKey([]byte("b"))
	var got []string
	if c.Load(key, &got) {
		t.Error("a result before there is one")
	}
	c.Store(key, []string{"x", "<y>"})
	if !c.Load(key, &got) || len(got) != 2 || got[1] != "<y>" {
		t.Errorf("got %q", got)
	}
	if c.Load(other, &got) {
		t.Error("a result for another key")
	}
	if info, err := os.Stat(c.Dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	Cache{}.Store(key, got)
	if (Cache{}).Load(key, &got) {
		t.Error("the zero Cache remembers")
	}
}

// TestDamaged changes each byte of a file, cuts it off, and puts it in the place
// of another: it is never taken for a result that was not stored.
func TestDamaged(t *testing.T) {
	c := Cache{t.TempDir()}
	key, other := NewKey([]byte("a")), NewKey([]byte("b"))
	c.Store(key, "result")
	data, err := os.ReadFile(c.file(key))
	if err != nil {
		t.Fatal(err)
	}
	write := func(key Key, data []byte) {
		if err := os.WriteFile(c.file(key), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for i := range data {
		var got string
		write(key, data[:i])
		if c.Load(key, &got) {
			t.Errorf("the first %d bytes are a result", i)
		}
		changed := bytes.Clone(data)
		changed[i] ^= 1
		write(key, changed)
		if c.Load(key, &got) && got != "result" {
			t.Errorf("with byte %d changed: %q", i, got)
		}
	}
	var got string
	write(other, data)
	if c.Load(other, &got) {
		t.Error("another key's file is a result")
	}
	write(key, data)
	var number int
	if c.Load(key, &number) {
		t.Error("a result of another kind")
	}
	if !c.Load(key, &got) || got != "result" {
		t.Error("the file itself is no result")
	}
}

func TestTrim(t *testing.T) {
	c := Cache{t.TempDir()}
	used := NewKey([]byte("used"))
	c.Store(used, "old but used")
	long := time.Now().Add(-time.Hour)
	for i := range most + 10 {
		key := NewKey([]byte(strconv.Itoa(i)))
		c.Store(key, i)
		if err := os.Chtimes(c.file(key), long, long); err != nil {
			t.Fatal(err)
		}
	}
	var got string
	if !c.Load(used, &got) {
		t.Error("the one in use is forgotten")
	}
	entries, err := os.ReadDir(c.Dir)
	if err != nil || len(entries) > most {
		t.Errorf("%d files, %v", len(entries), err)
	}
}

// TestParallel has many write and read at once: what is read is whole.
func TestParallel(t *testing.T) {
	c := Cache{t.TempDir()}
	key := NewKey([]byte("a"))
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 50 {
				var got string
				c.Store(key, "result")
				if !c.Load(key, &got) || got != "result" {
					t.Errorf("read %q", got)
				}
			}
		})
	}
	all.Wait()
	if entries, _ := os.ReadDir(c.Dir); len(entries) != 1 {
		t.Errorf("%d files", len(entries))
	}
}

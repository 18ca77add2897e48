package disk

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
)

// TestSparseIsTransparent compares random writes and reads with a plain slice.
func TestSparseIsTransparent(t *testing.T) {
	const size = 64 * BlockSize
	f, err := os.Create(filepath.Join(t.TempDir(), "f"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(size); err != nil {
		t.Fatal(err)
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	storage, want := newSparse(t.Context(), f), make([]byte, size)
	for range 300 {
		p := make([]byte, random.IntN(8*BlockSize))
		for at := 0; at < len(p); at += BlockSize / 2 {
			p[at] = byte(random.IntN(2)) // zeros and others, aligned or not
		}
		off := random.IntN(size - len(p))
		if n, err := storage.WriteAt(p, int64(off)); n != len(p) || err != nil {
			t.Fatalf("WriteAt(%d bytes, %d) = %d, %v", len(p), off, n, err)
		}
		copy(want[off:], p)
	}
	got := make([]byte, size)
	if _, err := storage.ReadAt(got, 0); err != nil || !bytes.Equal(got, want) {
		t.Errorf("reads something else than was written (%v)", err)
	}
}

func TestSparseSkipsZeros(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "f"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(1 << 30); err != nil {
		t.Fatal(err)
	}
	p := make([]byte, 8<<20)
	p[5*BlockSize] = 1
	if _, err := newSparse(t.Context(), f).WriteAt(p, 3*BlockSize); err != nil {
		t.Fatal(err)
	}
	if got := allocated(t, f.Name()); got != BlockSize {
		t.Errorf("%d bytes allocated, want %d", got, BlockSize)
	}
}

// TestSparseKeepsError: go-diskfs formats errors away, and goes on after some.
func TestSparseKeepsError(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "f"))
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	closed := newSparse(t.Context(), f)
	for range 2 {
		if _, err := closed.WriteAt([]byte{1}, 0); !errors.Is(err, os.ErrClosed) || !errors.Is(closed.err, os.ErrClosed) {
			t.Errorf("got %v, kept %v", err, closed.err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	cancelled := newSparse(ctx, f)
	if _, err := cancelled.WriteAt([]byte{1}, 0); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

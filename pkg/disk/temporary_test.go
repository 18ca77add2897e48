package disk

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// leave puts a file into dir as if it was left behind.
func leave(t *testing.T, dir, name string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte("half an image"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestCreateSweeps(t *testing.T) {
	dir := t.TempDir()
	owned := leave(t, dir, ".x.raw.nixvf-1")
	f, err := os.Open(owned)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := lock(f); err != nil {
		t.Fatal(err)
	}
	leave(t, dir, ".x.raw.nixvf-2")
	leave(t, dir, ".x.raw.nixvf-3333333333")
	keep := []string{".x.raw.nixvf-1", ".x.raw.nixvf-2b", ".x.raw.nixvf-link", ".y.raw.nixvf-4", "x.raw.nixvf-5"}
	for _, name := range []string{keep[1], keep[3], keep[4]} {
		leave(t, dir, name)
	}
	if err := os.Symlink(owned, filepath.Join(dir, keep[2])); err != nil {
		t.Fatal(err)
	}
	if err := Create(t.Context(), filepath.Join(dir, "x.raw"), small); err != nil {
		t.Fatal(err)
	}
	wantNames(t, dir, append(append([]string{}, keep[:4]...), "x.raw", keep[4])...)
}

// TestSweepOfSecondName: a kill after link leaves the image with two names. The
// image may be in use by now, and locked.
func TestSweepOfSecondName(t *testing.T) {
	dir := t.TempDir()
	path := leave(t, dir, "x.raw")
	if err := os.Link(path, filepath.Join(dir, ".x.raw.nixvf-7")); err != nil {
		t.Skip(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := lock(f); err != nil {
		t.Fatal(err)
	}
	if err := Create(t.Context(), path, small); !errors.Is(err, fs.ErrExist) {
		t.Errorf("got %v", err)
	}
	wantNames(t, dir, "x.raw")
	if got := read(t, path); got != "half an image" {
		t.Errorf("the image holds %q", got)
	}
}

// TestLink is the way of file systems that cannot rename without replacing.
func TestLink(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "x.raw")
	for _, wantErr := range []error{nil, fs.ErrExist} {
		tmp, err := newTemporary(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := tmp.link(path); !errors.Is(err, wantErr) {
			t.Errorf("got %v, want %v", err, wantErr)
		}
		tmp.discard()
		wantNames(t, dir, "x.raw")
	}
}

func TestPlaceKeepsWhatAppearedMeanwhile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "x.raw")
	tmp, err := newTemporary(path)
	if err != nil {
		t.Fatal(err)
	}
	leave(t, dir, "x.raw")
	if err := tmp.place(path); !errors.Is(err, fs.ErrExist) || !strings.Contains(err.Error(), "a regular file") {
		t.Errorf("got %v", err)
	}
	tmp.discard()
	wantNames(t, dir, "x.raw")
	if got := read(t, path); got != "half an image" {
		t.Errorf("the file holds %q", got)
	}
}

func TestCreateTogether(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "x.raw")
	for range 5 {
		var group sync.WaitGroup
		var created atomic.Int32
		for range 8 {
			group.Go(func() {
				switch err := Create(t.Context(), path, small); {
				case err == nil:
					created.Add(1)
				case !errors.Is(err, fs.ErrExist):
					t.Error(err)
				}
				if info, err := os.Stat(path); err != nil || info.Size() != MinSize {
					t.Errorf("afterwards: %v, %v", info, err)
				}
			})
		}
		group.Wait()
		if created.Load() != 1 {
			t.Errorf("%d created it", created.Load())
		}
		wantNames(t, dir, "x.raw")
		checked(t, path)
		os.Remove(path)
	}
}

func TestCreateCancelledMidway(t *testing.T) {
	for range 10 {
		dir := t.TempDir()
		wait := time.Duration(rand.Int64N(int64(100 * time.Millisecond)))
		ctx, cancel := context.WithTimeout(t.Context(), wait)
		start := time.Now()
		err := Create(ctx, filepath.Join(dir, "x.raw"), Spec{Size: 64 << 30, Format: Ext4})
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("cancelled after %v: got %v", wait, err)
		}
		if late := time.Since(start) - wait; late > 2*time.Second {
			t.Errorf("cancelled after %v: returned %v later", wait, late)
		}
		wantNames(t, dir)
		cancel()
	}
}

const (
	helperPath = "NIXVF_TEST_PATH"
	helperSize = "NIXVF_TEST_SIZE"
)

// TestMain makes an image and ends when it runs as a helper of the tests.
func TestMain(m *testing.M) {
	path := os.Getenv(helperPath)
	if path == "" {
		os.Exit(m.Run())
	}
	size, err := ParseSize(os.Getenv(helperSize))
	if err == nil {
		err = Create(context.Background(), path, Spec{Size: size, Format: Ext4, Label: "nixos"})
	}
	if err != nil {
		os.Stderr.WriteString(err.Error())
		os.Exit(1)
	}
	status, _ := os.ReadFile("/proc/self/status") // for TestMemory
	os.Stdout.Write(status)
}

// helper returns a process that makes an image and nothing else.
func helper(path string, size int64) *exec.Cmd {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), helperPath+"="+path, fmt.Sprintf("%s=%d", helperSize, size))
	cmd.Stderr = os.Stderr
	return cmd
}

// killed takes long enough to be killed within.
var killed = Spec{Size: 256 << 20, Format: Ext4, Label: "nixos"}

// TestKill kills a process at a random moment of making an image: afterwards
// the image is whole or absent, and the next Create clears up.
func TestKill(t *testing.T) {
	runs := 20
	if os.Getenv("NIXVF_FULL") != "" {
		runs = 200
	}
	life := time.Hour
	for range 3 {
		start := time.Now()
		if err := helper(filepath.Join(t.TempDir(), "x.raw"), killed.Size).Run(); err != nil {
			t.Fatal(err)
		}
		life = min(life, time.Since(start))
	}
	var whole, left int
	for range runs {
		dir := t.TempDir()
		path := filepath.Join(dir, "x.raw")
		cmd := helper(path, killed.Size)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(rand.Int64N(int64(life))))
		cmd.Process.Kill()
		cmd.Wait()
		if info, err := os.Lstat(path); err == nil {
			whole++
			if info.Size() != killed.Size {
				t.Errorf("the image has %d bytes", info.Size())
			}
			checked(t, path)
		} else if len(names(t, dir)) > 0 {
			left++
		}
		if err := Create(t.Context(), path, killed); err != nil && !errors.Is(err, fs.ErrExist) {
			t.Error(err)
		}
		wantNames(t, dir, "x.raw")
		checked(t, path)
	}
	t.Logf("%d killed within %v: %d images whole, %d temporaries left", runs, life, whole, left)
}

package lock

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/nixvf/nixvf/pkg/identity"
)

// held fails unless err says that this process has the lock.
func held(t *testing.T, err error) {
	t.Helper()
	var other *HeldError
	if !errors.As(err, &other) || other.PID != os.Getpid() || other.Gone {
		t.Errorf("got %v, want held by process %d", err, os.Getpid())
	}
}

func taken(t *testing.T) func(*Lock, error) *Lock {
	return func(l *Lock, err error) *Lock {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
}

func TestTake(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	first := taken(t)(Take(path))
	_, err := Take(path)
	held(t, err)
	first.Close()
	second := taken(t)(Take(path)) // a file that is there is no lock
	if err := second.Remove(); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("after Remove: %v", err)
	}
	if _, err := Take(filepath.Join(path, "missing", "lock")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no directory: %v", err)
	}
}

// An image that is only read has many users, and none as long as one is alone with
// it.
func TestShareImage(t *testing.T) {
	dir := t.TempDir()
	locks, image := filepath.Join(dir, "locks"), filepath.Join(dir, "x.img")
	if err := os.WriteFile(image, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	first := taken(t)(ShareImage(locks, image))
	second := taken(t)(ShareImage(locks, image))
	alone := func() error {
		l, err := TryImage(locks, image)
		if err == nil {
			err = l.Remove()
		}
		return err
	}
	var other *HeldError
	for _, l := range []*Lock{first, second} {
		if err := alone(); !errors.As(err, &other) {
			t.Errorf("while it is shared: %v", err)
		}
		if err := l.Unshare(); err != nil {
			t.Error(err)
		}
	}
	if left, err := os.ReadDir(locks); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
	if err := alone(); err != nil {
		t.Errorf("afterwards: %v", err)
	}
	l := taken(t)(TryImage(locks, image))
	if _, err := ShareImage(locks, image); !errors.As(err, &other) {
		t.Errorf("while somebody is alone with it: %v", err)
	}
	if err := l.Remove(); err != nil {
		t.Error(err)
	}
}

func TestImage(t *testing.T) {
	dir := t.TempDir()
	locks := filepath.Join(dir, "state", "disks")
	image, link, other := filepath.Join(dir, "a.raw"), filepath.Join(dir, "link"), filepath.Join(dir, "b.raw")
	for _, path := range []string{image, other} {
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(image, link); err != nil {
		t.Fatal(err)
	}
	defer taken(t)(Image(locks, image)).Close()
	_, err := Image(locks, link)
	held(t, err)
	taken(t)(Image(locks, other)).Close()
	if _, err := Image(locks, filepath.Join(dir, "missing")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no image: %v", err)
	}
	moved := filepath.Join(dir, "c.raw")
	if err := os.Rename(image, moved); err != nil {
		t.Fatal(err)
	}
	_, err = Image(locks, moved)
	held(t, err)
}

// TestInherited: the lock holds as long as a child that has it, not as long as
// whoever took it.
func TestInherited(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	l := taken(t)(Take(path))
	child := exec.Command("cat")
	stdin, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	child.ExtraFiles = []*os.File{l.File}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	l.Close()
	_, err = Take(path)
	held(t, err)
	stdin.Close()
	if err := child.Wait(); err != nil {
		t.Fatal(err)
	}
	taken(t)(Take(path)).Close()
}

// TestDyingHeir: an owner that was killed, and what inherited its lock and ends
// a moment later, are nobody's hindrance.
func TestDyingHeir(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	l := taken(t)(Take(path))
	heir := exec.Command("sleep", "0.3")
	heir.ExtraFiles = []*os.File{l.File}
	if err := heir.Start(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(gone(t)), 0o600); err != nil {
		t.Fatal(err)
	}
	l.Close()
	taken(t)(Take(path)).Close()
	if err := heir.Wait(); err != nil {
		t.Fatal(err)
	}
}

// gone returns the identity of a process that has ended.
func gone(t *testing.T) string {
	t.Helper()
	self, err := identity.Of(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	self.Start = "1." + self.Start
	return self.String()
}

// TestRecycled: when the owner is gone, a process that has its number now is not
// called the owner, and a lock that nobody holds is free.
func TestRecycled(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	self, err := identity.Of(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		record string
		want   HeldError
	}{
		{self.String(), HeldError{PID: self.PID, Process: self.String()}},
		{gone(t), HeldError{PID: self.PID, Process: gone(t), Gone: true}},
		{"", HeldError{}},
		{strconv.Itoa(self.PID), HeldError{}},
	} {
		l := taken(t)(Take(path))
		if err := os.WriteFile(path, []byte(tt.record+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Take(path)
		var got *HeldError
		if !errors.As(err, &got) || *got != tt.want {
			t.Errorf("%q: %v, want %+v", tt.record, err, tt.want)
		}
		if held, err := Look(path); err != nil || *held != tt.want {
			t.Errorf("%q: looked at as %v, %v, want %+v", tt.record, held, err, tt.want)
		}
		l.Close()
	}
	taken(t)(Take(path)).Close()
}

// TestLook: looking takes nothing, and disturbs nobody who takes the lock.
func TestLook(t *testing.T) {
	dir := t.TempDir()
	path, image := filepath.Join(dir, "lock"), filepath.Join(dir, "image")
	free := func() {
		t.Helper()
		if held, err := Look(path); held != nil || err != nil {
			t.Errorf("held: %v, %v", held, err)
		}
	}
	free()
	l := taken(t)(Take(path))
	if held, err := Look(path); err != nil || held == nil || held.PID != os.Getpid() {
		t.Errorf("held by %v, %v", held, err)
	}
	if err := l.Release(); err != nil {
		t.Fatal(err)
	}
	free()
	stop := make(chan struct{})
	var looking sync.WaitGroup
	for range 4 {
		looking.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					_, _ = Look(path)
				}
			}
		})
	}
	for range 200 {
		if err := taken(t)(Take(path)).Release(); err != nil {
			t.Error(err)
		}
	}
	close(stop)
	looking.Wait()
	if err := os.WriteFile(image, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if held, err := LookImage(dir, image); held != nil || err != nil {
		t.Errorf("image: %v, %v", held, err)
	}
	disk := taken(t)(Image(dir, image))
	if held, err := LookImage(dir, image); held == nil || err != nil {
		t.Errorf("image: %v, %v", held, err)
	}
	if err := disk.Remove(); err != nil {
		t.Error(err)
	}
}

// TestRemoveTogether: removing the file never lets two have the lock.
func TestRemoveTogether(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	var owners atomic.Int32
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 200 {
				l, err := Take(path)
				if err != nil {
					continue
				}
				if owners.Add(1) != 1 {
					t.Error("two have the lock")
				}
				owners.Add(-1)
				if err := l.Remove(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
}

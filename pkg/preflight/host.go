package preflight

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nixvf/nixvf/pkg/cache"
	"github.com/nixvf/nixvf/pkg/child"
	"github.com/nixvf/nixvf/pkg/nix"
)

// answer bounds one question to a program.
const answer = 20 * time.Second

// This is the host that this process runs on.
type This struct{}

func (This) Platform() (system, cpu string) { return runtime.GOOS, runtime.GOARCH }

func (This) UID() int { return os.Getuid() }

func (This) Find(program string) (string, error) { return exec.LookPath(program) }

func (This) Run(ctx context.Context, program string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, answer)
	defer cancel()
	var out bytes.Buffer
	cmd := exec.Command(program, args...)
	cmd.Stdout, cmd.Stderr = &out, &out
	err := child.Run(ctx, filepath.Base(program), cmd)
	return out.String(), err
}

func (This) Exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func (This) Read(path string) (string, error) {
	text, err := os.ReadFile(path)
	return string(text), err
}

func (This) Writable(path string) error { return unix.Access(path, unix.R_OK|unix.W_OK) }

func (This) Owner(path string) (int, error) {
	info, err := os.Stat(path)
	if err != nil {
		return 0, err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, fmt.Errorf("%s: its owner is unknown", path)
	}
	return int(stat.Uid), nil
}

func (h This) Free(dir string) (uint64, error) {
	var stat unix.Statfs_t
	err := unix.Statfs(dir, &stat)
	if parent := filepath.Dir(dir); errors.Is(err, fs.ErrNotExist) && parent != dir {
		return h.Free(parent)
	}
	return uint64(stat.Bavail) * uint64(stat.Bsize), err
}

func (This) OpenFiles() (uint64, error) { return child.MostOpenFiles() }

func (This) Nix(ctx context.Context) (nix.Version, nix.Settings, error) {
	ctx, cancel := context.WithTimeout(ctx, answer)
	defer cancel()
	n, err := nix.Find(ctx, nix.Log{Stderr: io.Discard}, cache.Cache{}, nil)
	if err != nil {
		return nix.Version{}, nix.Settings{}, err
	}
	settings, err := n.Settings(ctx)
	return n.Version, settings, err
}

package boot

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/nixvf/nixvf/pkg/child"
)

// versions knows what programs print as their version. QEMU takes longer to
// say it than all of nixvf takes, so it is remembered for as long as the
// program's file stays the same.
type versions struct {
	dir string // where it is remembered; "" for nowhere
}

func (m *machine) versions() versions {
	cache, err := m.Host.Cache()
	if err != nil {
		return versions{}
	}
	return versions{filepath.Join(cache, "versions")}
}

// check runs accept on what the program prints for --version. What was
// accepted is remembered.
func (v versions) check(ctx context.Context, path string, accept func(text string) error) error {
	key, err := v.key(path)
	if err != nil {
		return err
	}
	if text, err := os.ReadFile(key); v.dir != "" && err == nil && accept(string(text)) == nil {
		return nil
	}
	var text bytes.Buffer
	cmd := exec.Command(path, "--version")
	cmd.Stdout = &text
	if err := child.Run(ctx, path, cmd); err != nil {
		return fmt.Errorf("%s --version: %w", path, err)
	}
	if err := accept(text.String()); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	v.remember(key, text.Bytes())
	return nil
}

// key returns the file in which the version of the program at path is
// remembered: one for each path, size and time of change.
func (v versions) key(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%d\x00%d", path, info.Size(), info.ModTime().UnixNano()))
	return filepath.Join(v.dir, fmt.Sprintf("%x", sum[:8])), nil
}

// remember writes the file whole or not at all. That it cannot is no error:
// the program is asked again next time.
func (v versions) remember(key string, text []byte) {
	if v.dir == "" || os.MkdirAll(v.dir, 0o700) != nil {
		return
	}
	f, err := os.CreateTemp(v.dir, "new-")
	if err != nil {
		return
	}
	_, err = f.Write(text)
	if closed := f.Close(); err != nil || closed != nil || os.Rename(f.Name(), key) != nil {
		os.Remove(f.Name())
	}
}

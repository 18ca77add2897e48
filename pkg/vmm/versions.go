package vmm

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"path/filepath"

	"github.com/nixvf/nixvf/pkg/bootdoc"
	"github.com/nixvf/nixvf/pkg/cache"
	"github.com/nixvf/nixvf/pkg/child"
)

// versions knows what programs print as their version. QEMU takes longer to
// say it than all of nixvf takes, so it is remembered for as long as the
// program is the same file.
type versions struct{ cache.Cache }

func (p Plan) versions() versions {
	if p.Cache == "" {
		return versions{}
	}
	return versions{cache.Cache{Dir: filepath.Join(p.Cache, "versions")}}
}

// check runs accept on what the program prints for --version. What was
// accepted is remembered.
func (v versions) check(ctx context.Context, path string, accept func(text string) error) error {
	key, _, lasting := cache.Program(path, bootdoc.StoreDir)
	var known string
	if lasting && v.Load(key, &known) && accept(known) == nil {
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
	if again, _, same := cache.Program(path, bootdoc.StoreDir); lasting && same && again == key {
		v.Store(key, text.String())
	}
	return nil
}

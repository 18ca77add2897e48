package main

import (
	"context"
	"errors"
	"io/fs"
	"os"

	"github.com/google/uuid"

	"github.com/nixvf/nixvf/pkg/cache"
	"github.com/nixvf/nixvf/pkg/cli"
	"github.com/nixvf/nixvf/pkg/disk"
	"github.com/nixvf/nixvf/pkg/fault"
	"github.com/nixvf/nixvf/pkg/nix"
	"github.com/nixvf/nixvf/pkg/storeimage"
)

// prune removes images that no VM needs.
func (c *command) prune(t *cli.Tool) error {
	if !c.Store || len(c.Paths) > 0 {
		return fault.Usage(errors.New("--prune goes with --store and nothing else"))
	}
	host, err := thisHost()
	if err != nil {
		return err
	}
	removed, err := storeimage.Prune(host, 0)
	for _, path := range removed {
		t.Say("removed %s", path)
	}
	return err
}

// store makes the image of a closure.
func (c *command) store(ctx context.Context, t *cli.Tool) error {
	if c.ID != "" || c.Size != nil || c.Label != nil || c.Format != nil || c.Grow != nil || c.UUID != uuid.Nil {
		return fault.Usage(errors.New("--store goes with an IMAGE, store paths and no other flag"))
	}
	if len(c.Paths) < 2 {
		return fault.Usage(errors.New("--store: give the IMAGE to make, and the store paths for it"))
	}
	image := c.Paths[0]
	if info, err := os.Stat(image); err == nil && info.Mode().IsRegular() {
		t.Say("%s exists: left as it is", image)
		return nil
	}
	log := nix.Log{Stderr: t.Stderr}
	if c.Verbose {
		log.Trace = func(command string) { t.Say("%s", command) }
	}
	n, err := nix.Find(ctx, log, cache.Cache{}, nil)
	if err != nil {
		return err
	}
	spec, err := storeimage.Closure(ctx, n, c.Paths[1:])
	if err == nil {
		err = storeimage.Create(disk.WithProgress(ctx, t.Progress), image, spec)
	}
	if errors.Is(err, fs.ErrExist) || err == nil || ctx.Err() == nil {
		return err
	}
	return context.Cause(ctx)
}

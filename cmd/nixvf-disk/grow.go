package main

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"github.com/nixvf/nixvf/pkg/disk"
	"github.com/nixvf/nixvf/pkg/fault"
	"github.com/nixvf/nixvf/pkg/rootdisk"
)

// grow enlarges the image at the path.
func (c *command) grow(ctx context.Context) error {
	if len(c.Paths) == 0 {
		return fault.Usage(errors.New("--grow: the PATH of the image is missing"))
	}
	if c.ID != "" || c.Size != nil || c.Label != nil || c.Format != nil || c.UUID != uuid.Nil {
		return fault.Usage(errors.New("--grow goes with a PATH and no other flag: it changes the size alone"))
	}
	size, err := disk.ParseSize(*c.Grow)
	if err != nil {
		return fault.Usage(err)
	}
	host, err := thisHost()
	if err != nil {
		return err
	}
	return rootdisk.Grow(ctx, host, c.Paths[0], size)
}

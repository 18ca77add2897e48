// Nixvf-disk makes disk images. The work is done by packages disk, rootdisk and
// storeimage.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/google/uuid"

	"github.com/nixvf/nixvf/pkg/cli"
	"github.com/nixvf/nixvf/pkg/disk"
	"github.com/nixvf/nixvf/pkg/fault"
	"github.com/nixvf/nixvf/pkg/place"
	"github.com/nixvf/nixvf/pkg/rootdisk"
)

const about = `Make a disk image: a raw, sparse file that holds an empty ext4 file system. nixvf-disk never changes an
image that exists, whatever it holds.

With a PATH, nixvf-disk makes that image. Without one, it is a stage of the pipeline: it reads a boot
document, makes the VM's root disk and store image if they do not exist yet, and prints the document
unchanged. (nixvf-boot makes missing images too; this only makes them earlier.)

With --grow, nixvf-disk enlarges an image. The file system in it grows when the guest resizes it: NixOS
does that at its next boot if fileSystems."/".autoResize is set, and nixvf's module sets it. An image
never shrinks. The image of a running VM is refused.

With --store, nixvf-disk makes an image of the Nix store: a read-only EROFS file system with the label
nix-store that holds the closure of the given store paths, and nothing else of the host. A VM with
virtualisation.useNixStoreImage uses such an image. VMs with the same closure share it. An image that
no VM used at its last start is removed after a day, or at once by --store --prune.

A size is a number of bytes, or a number with a unit: 512M, 20G or 1T, in powers of 1024. The largest
size is 1T.

Examples:

An image for any use, and how to enlarge it:

  nixvf-disk --size 20G --label nixos root.raw

  nixvf-disk --grow 40G root.raw

The pipeline:

  nixvf-eval .#darwinVM | nixvf-disk | nixvf-args | nixvf-boot

Images of the Nix store:

  nixvf-disk --store store.img ./result /nix/store/...-hello

  nixvf-disk --store --prune

Environment: NIXVF_ID (the same as --id); NIX_DISK_IMAGE, the path of the root disk in the pipeline;
XDG_STATE_HOME and XDG_CACHE_HOME.

Files:

  ~/.local/state/nixvf/ID/NAME.raw   the root disk of a VM
  ~/.cache/nixvf/stores              images of the store

Exit status: 0 success, 1 failure, 2 wrong usage, 128+N ended by signal N.`

type command struct {
	Paths  []string  `arg:"" optional:"" name:"path" help:"Image to make. Without it, a boot document is read from stdin."`
	Size   *string   `placeholder:"SIZE" help:"Size of the image (default: 1G; in the pipeline, as the document says)."`
	Label  *string   `placeholder:"LABEL" help:"Label of the file system (default: nixos)."`
	UUID   uuid.UUID `name:"uuid" placeholder:"UUID" help:"UUID of the file system (default: random)."`
	Format *string   `enum:"ext4,none" placeholder:"ext4|none" help:"File system of the image (default: ext4; in the pipeline, as the document says)."`
	Grow   *string   `placeholder:"SIZE" help:"Enlarge the image at PATH to this size."`
	Store  bool      `help:"Make an image of the Nix store: the closure of the paths that follow."`
	Prune  bool      `help:"With --store, remove the cached images that no VM needs."`
	ID     string    `name:"id" placeholder:"ID" help:"In the pipeline, the id of the VM ($NIXVF_ID)."`
	cli.Common
}

func main() {
	var c command
	cli.Main("nixvf-disk", about, &c, c.run)
}

func (c *command) run(ctx context.Context, t *cli.Tool) error {
	if err := t.NoRest(); err != nil {
		return err
	}
	switch {
	case c.Prune:
		return c.prune(t)
	case c.Store:
		return c.store(ctx, t)
	case len(c.Paths) > 1:
		return fault.Usage(fmt.Errorf("unexpected argument %s", c.Paths[1]))
	case c.Grow != nil:
		return c.grow(ctx)
	case len(c.Paths) == 0:
		return c.filter(ctx, t)
	case c.ID != "":
		return fault.Usage(errors.New("--id is for the pipeline, a PATH for use without it"))
	}
	root := rootdisk.Root{Path: c.Paths[0], Spec: disk.Spec{Size: 1 << 30, Format: disk.Ext4, Label: place.RootLabel}}
	if err := c.override(&root.Spec); err != nil {
		return fault.Usage(err)
	}
	return ensure(ctx, t, root, true)
}

func thisHost() (place.Host, error) {
	dir, err := os.Getwd()
	return place.Host{Lookup: os.LookupEnv, Dir: dir, Files: os.DirFS("/")}, err
}

// override applies the flags to what an image shall be.
func (c *command) override(spec *disk.Spec) error {
	if c.Format != nil && disk.Format(*c.Format) != spec.Format {
		spec.Format, spec.Label = disk.Format(*c.Format), ""
		if spec.Format == disk.Ext4 {
			spec.Label = place.RootLabel
		}
	}
	if c.Label != nil {
		spec.Label = *c.Label
	}
	if c.UUID != uuid.Nil {
		spec.UUID = c.UUID
	}
	if c.Size == nil {
		return nil
	}
	size, err := disk.ParseSize(*c.Size)
	spec.Size = size
	return err
}

// ensure makes the disk; tell says whether an image that is there is worth a
// line.
func ensure(ctx context.Context, t *cli.Tool, root rootdisk.Root, tell bool) error {
	created, err := root.Ensure(disk.WithProgress(ctx, t.Progress))
	if err == nil && tell && !created && root.Path != "" {
		t.Say("%s exists: left as it is", root.Path)
	}
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

package main

import (
	"context"

	"github.com/nixvf/nixvf/pkg/bootdoc"
	"github.com/nixvf/nixvf/pkg/cli"
	"github.com/nixvf/nixvf/pkg/disk"
	"github.com/nixvf/nixvf/pkg/fault"
	"github.com/nixvf/nixvf/pkg/rootdisk"
	"github.com/nixvf/nixvf/pkg/storeimage"
)

// filter makes the disk of the document on stdin, and the image of its store, and
// prints the document.
func (c *command) filter(ctx context.Context, t *cli.Tool) error {
	data, err := t.Document(ctx, "boot document")
	if err != nil {
		return err
	}
	doc, warnings, err := bootdoc.Parse(data)
	if err != nil {
		return err
	}
	host, err := thisHost()
	if err != nil {
		return err
	}
	root, more, err := rootdisk.Of(doc, host, c.ID)
	for _, w := range append(warnings, more...) {
		t.Warn("%s", w)
	}
	if err != nil {
		return err
	}
	if err := c.override(&root.Spec); err != nil {
		return fault.Usage(err)
	}
	t.Print(data)
	if err := ensure(ctx, t, root, c.Verbose); err != nil || doc.Virtualisation.Store != bootdoc.StoreImage {
		return err
	}
	path, err := host.StoreImage(doc.Roots)
	if err == nil {
		err = storeimage.Ensure(disk.WithProgress(ctx, t.Progress), path, doc.Roots)
	}
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

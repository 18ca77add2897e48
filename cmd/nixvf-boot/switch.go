package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"golang.org/x/term"

	"github.com/nixvf/nixvf/pkg/activation"
	"github.com/nixvf/nixvf/pkg/boot"
	"github.com/nixvf/nixvf/pkg/cli"
	"github.com/nixvf/nixvf/pkg/fault"
	"github.com/nixvf/nixvf/pkg/instance"
)

type switchCommand struct {
	ID     string `arg:"" optional:"" help:"The VM (default: the document's)."`
	DryRun bool   `short:"n" help:"Print which units would be stopped and started, and change nothing."`
}

// run has the guest of a VM switch to the system of the boot document on stdin. The
// status is that of the system's switch-to-configuration.
func (s *switchCommand) run(ctx context.Context, t *cli.Tool, c boot.Config) error {
	data, err := t.Document(ctx, "boot document")
	if err != nil {
		return err
	}
	doc, warnings, err := activation.Read(data)
	if err != nil {
		return err
	}
	for _, w := range warnings {
		t.Warn("%s", w)
	}
	if s.ID == "" {
		at, err := c.Host.VM("", doc.ID, doc.Name)
		if err != nil {
			return err
		}
		s.ID = at.ID
	}
	vm, err := withSSH(c, s.ID)
	if err != nil && vm.State == instance.Stopped {
		return fault.Hint(err, "its next start has the new system anyway")
	}
	if err != nil {
		return err
	}
	return s.perform(ctx, t, activation.Switch{VM: vm, System: doc})
}

func (s *switchCommand) perform(ctx context.Context, t *cli.Tool, to activation.Switch) error {
	if err := to.Check(); err != nil {
		return err
	}
	program, err := sshProgram()
	if err != nil {
		return err
	}
	args, err := boot.SSHArguments(to.VM.Place(), "root")
	if err != nil {
		return err
	}
	lines, known := to.Waits()
	for _, line := range lines {
		t.Say("from the next start on: %s", line)
	}
	if !known {
		t.Warn("it is not known what %s was started with, nor what takes a start", to.VM.ID)
	}
	out, flush := plain(t)
	status, err := to.Run(ctx, append([]string{program}, args...), s.DryRun, out)
	flush()
	switch {
	case err != nil:
		return err
	case status != 0:
		return fault.Exit(fmt.Errorf("%s: the switch failed with status %d", to.VM.ID, status), status)
	case !s.DryRun:
		t.Say("%s is switched to %s", to.VM.ID, to.System.Toplevel)
	}
	return nil
}

// plain is where a guest's text goes: to stderr, without what a terminal would obey.
// The function that comes with it ends that.
func plain(t *cli.Tool) (io.Writer, func()) {
	if f, ok := t.Stderr.(*os.File); !ok || !term.IsTerminal(int(f.Fd())) {
		return t.Stderr, func() {}
	}
	p := &instance.Plain{W: t.Stderr}
	return p, func() { _ = p.Flush() }
}

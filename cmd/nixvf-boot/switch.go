package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/term"

	"github.com/nixvf/nixvf/pkg/activation"
	"github.com/nixvf/nixvf/pkg/boot"
	"github.com/nixvf/nixvf/pkg/bootdoc"
	"github.com/nixvf/nixvf/pkg/child"
	"github.com/nixvf/nixvf/pkg/cli"
	"github.com/nixvf/nixvf/pkg/fault"
	"github.com/nixvf/nixvf/pkg/instance"
	"github.com/nixvf/nixvf/pkg/launchdoc"
)

type switchCommand struct {
	ID     string `arg:"" optional:"" help:"The VM (default: the document's)."`
	DryRun bool   `short:"n" help:"Print which units would be stopped and started, and change nothing."`
	Reboot bool   `help:"Stop the VM and start it again in the background, if there are changes that need a start. stdin is a launch document then, and the start has nixvf-boot's default flags."`
}

// run has the guest of a VM switch to the system of the document on stdin. The
// status is that of the system's switch-to-configuration.
func (s *switchCommand) run(ctx context.Context, t *cli.Tool, c boot.Config) error {
	doc, launch, err := s.read(ctx, t)
	if err != nil {
		return err
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
	to := activation.Switch{VM: vm, System: doc}
	lines, known := to.Waits()
	if s.Reboot && !s.DryRun && (len(lines) > 0 || !known || to.StoreIsImage()) {
		for _, line := range lines {
			t.Say("%s", line)
		}
		return s.restart(ctx, t, c, vm, launch)
	}
	if err := to.Check(); err != nil {
		return err
	}
	for _, line := range lines {
		t.Say("from the next start on: %s", line)
	}
	if !known {
		t.Warn("it is not known what %s was started with, nor what takes a start", vm.ID)
	}
	return s.perform(ctx, t, to)
}

// read reads the boot document of the new system; with --reboot out of a launch
// document, which it returns too.
func (s *switchCommand) read(ctx context.Context, t *cli.Tool) (*bootdoc.Document, *launchdoc.Document, error) {
	kind := "boot document"
	if s.Reboot {
		kind = "launch document"
	}
	data, err := t.Document(ctx, kind)
	if err != nil {
		return nil, nil, err
	}
	var launch *launchdoc.Document
	if s.Reboot {
		if launch, err = launchdoc.Parse(data); err != nil {
			return nil, nil, err
		}
		if data = launch.Boot; data == nil {
			err := errors.New("launch document: boot: missing: it says which system the guest is to have")
			return nil, nil, fault.Hint(err, "nixvf-eval .#NAME | nixvf-args | nixvf-boot switch --reboot")
		}
	}
	doc, warnings, err := activation.Read(data)
	for _, w := range warnings {
		t.Warn("%s", w)
	}
	return doc, launch, err
}

// restart stops a VM and starts it again, with another document. What would keep
// that from starting is an error while the VM still runs.
func (s *switchCommand) restart(ctx context.Context, t *cli.Tool, c boot.Config, vm instance.VM, launch *launchdoc.Document) error {
	if at, err := c.Place(launch); err != nil || at.ID != vm.ID {
		return cmp.Or(err, fmt.Errorf("launch document: it is for the VM %s, and not for %s", at.ID, vm.ID))
	}
	c.VMM, c.Detach = vm.VMM, true
	if err := boot.Check(ctx, launch, c); err != nil {
		return err
	}
	document, err := launch.Marshal()
	if err != nil {
		return err
	}
	t.Say("%s: stopping it, to start it again in the background", vm.ID)
	status, err := instance.Stop(ctx, vm, 0)
	if err != nil {
		return err
	}
	if status != 0 {
		t.Warn("%s: it ended with status %d", vm.ID, status)
	}
	args := []string{"boot", "--detach", "--vmm", vm.VMM}
	if launch.SSH != "" {
		args = append(args, "--wait")
	}
	start := self(args...)
	start.Stdin, start.Stdout, start.Stderr = bytes.NewReader(document), os.Stdout, os.Stderr
	err = child.Run(ctx, "nixvf-boot", start)
	if start.ProcessState == nil {
		return err
	}
	return fault.Status(child.StatusOf(start.ProcessState)) // it has said why
}

func (s *switchCommand) perform(ctx context.Context, t *cli.Tool, to activation.Switch) error {
	program, err := sshProgram()
	if err != nil {
		return err
	}
	args, err := boot.SSHArguments(to.VM.Place(), "root")
	if err != nil {
		return err
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

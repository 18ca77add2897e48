package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"golang.org/x/term"

	"github.com/nixvf/nixvf/pkg/boot"
	"github.com/nixvf/nixvf/pkg/bootdoc"
	"github.com/nixvf/nixvf/pkg/cli"
	"github.com/nixvf/nixvf/pkg/exchange"
	"github.com/nixvf/nixvf/pkg/fault"
	"github.com/nixvf/nixvf/pkg/instance"
	"github.com/nixvf/nixvf/pkg/nix"
	"github.com/nixvf/nixvf/pkg/place"
	"github.com/nixvf/nixvf/pkg/preflight"
)

type listCommand struct {
	JSON  bool `name:"json" xor:"form" help:"Print a JSON array with everything that is known."`
	Quiet bool `short:"q" xor:"form" help:"Print only the ids, one per line."`
}

func (l *listCommand) run(_ context.Context, t *cli.Tool, c boot.Config) error {
	vms, err := instance.List(c.Host)
	if err != nil {
		return err
	}
	out := instance.Text(vms)
	switch {
	case l.JSON:
		out, err = bootdoc.Indent(vms)
	case l.Quiet:
		out = instance.IDs(vms)
	}
	t.Print(out)
	return err
}

type attachCommand struct {
	ID string `arg:"" help:"The VM."`
}

func (a *attachCommand) run(_ context.Context, _ *cli.Tool, c boot.Config) error {
	vm, err := instance.Find(c.Host, a.ID)
	if err != nil {
		return err
	}
	return outcome(boot.Attach(vm.ID, c))
}

type stopCommand struct {
	ID          []string      `arg:"" help:"The VMs."`
	Force       bool          `help:"End them at once, like pulling the plug."`
	StopTimeout time.Duration `placeholder:"TIME" help:"How long a guest may take before it is forced, if shorter than the time its VM was started with."`
}

// run stops all VMs at once. The status is that of the first that did not stop
// by itself.
func (s *stopCommand) run(ctx context.Context, t *cli.Tool, c boot.Config) error {
	if s.StopTimeout < 0 {
		return fault.Usage(fmt.Errorf("--stop-timeout: %v lies before the request to stop", s.StopTimeout))
	}
	vms, err := each(c, instance.Find, s.ID)
	if err != nil {
		return err
	}
	outcomes := make([]chan error, len(vms))
	for i, vm := range vms {
		outcomes[i] = make(chan error, 1)
		if !vm.Runs() {
			t.Say("%s is not running", vm.ID)
			outcomes[i] <- nil
			continue
		}
		go func() { outcomes[i] <- s.stop(ctx, vm) }()
	}
	var errs []error
	for _, o := range outcomes {
		errs = append(errs, <-o)
	}
	return errors.Join(errs...)
}

func (s *stopCommand) stop(ctx context.Context, vm instance.VM) error {
	if s.Force {
		return instance.Force(ctx, vm)
	}
	return outcome(instance.Stop(ctx, vm, s.StopTimeout))
}

// each returns the VMs that the user means, each once.
func each(c boot.Config, find func(place.Host, string) (instance.VM, error), words []string) ([]instance.VM, error) {
	var vms []instance.VM
	var errs []error
	for _, word := range words {
		vm, err := find(c.Host, word)
		if !slices.ContainsFunc(vms, func(v instance.VM) bool { return v.ID == vm.ID }) {
			vms = append(vms, vm)
		}
		errs = append(errs, err)
	}
	return vms, errors.Join(errs...)
}

type waitCommand struct {
	ID      string         `arg:"" help:"The VM."`
	For     string         `enum:"stopped,running,ready" default:"stopped" help:"What to wait for: stopped, running, or ready, which means that the guest has finished booting (default: ${default}). For running and ready the VM need not exist yet."`
	Timeout *time.Duration `placeholder:"TIME" help:"Give up after this time, with exit status 124."`
}

func (w *waitCommand) run(ctx context.Context, _ *cli.Tool, c boot.Config) error {
	if w.Timeout != nil {
		if *w.Timeout < 0 {
			return fault.Usage(fmt.Errorf("--timeout: %v lies before now", *w.Timeout))
		}
		late := fault.Exit(fmt.Errorf("%s: it is not %s after %v", w.ID, w.For, *w.Timeout), instance.StatusTimeLimit)
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, *w.Timeout, late)
		defer cancel()
	}
	switch w.For {
	case "running":
		return instance.AwaitRunning(ctx, c.Host, w.ID)
	case "ready":
		return awaitReady(ctx, c, w.ID)
	}
	vm, err := instance.Find(c.Host, w.ID)
	if err != nil {
		return err
	}
	return vm.AwaitEnd(ctx)
}

type logCommand struct {
	ID     string `arg:"" help:"The VM."`
	Of     string `default:"console" placeholder:"NAME" help:"Which log: console, nixvf-boot, vfkit, qemu, virtiofsd or network (default: ${default})."`
	Follow bool   `short:"f" help:"Keep printing new output until the VM stops."`
}

// run prints the log as it is read, however long it is.
func (l *logCommand) run(ctx context.Context, t *cli.Tool, c boot.Config) error {
	vm, err := instance.Find(c.Host, l.ID)
	if err != nil {
		return err
	}
	log, err := vm.OpenLog(l.Of)
	if err != nil {
		return err
	}
	defer log.Close()
	out := t.Stdout
	if f, ok := t.Stdout.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		out = &instance.Plain{W: t.Stdout} // a guest's text, which no terminal shall obey
	}
	ctx, stop := t.WhileRead(ctx)
	defer stop()
	done := make(chan error, 1)
	go func() { done <- l.print(ctx, vm, out, log) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done(): // also while nobody takes what is printed
		return context.Cause(ctx)
	}
}

func (l *logCommand) print(ctx context.Context, vm instance.VM, out io.Writer, log *os.File) error {
	if l.Follow {
		return vm.Follow(ctx, out, log)
	}
	_, err := io.Copy(out, log)
	if p, ok := out.(*instance.Plain); ok && err == nil {
		err = p.Flush()
	}
	return err
}

type removeCommand struct {
	ID  []string `arg:"" help:"The VMs."`
	Yes bool     `short:"y" help:"Do not ask for confirmation. The VMs are named by their full ids then."`
}

func (r *removeCommand) run(ctx context.Context, t *cli.Tool, c boot.Config) error {
	disks, err := c.Host.DiskLocks()
	if err != nil {
		return err
	}
	find := instance.Find
	if r.Yes {
		find = instance.Exactly
	}
	vms, err := each(c, find, r.ID)
	if err != nil {
		return err
	}
	for _, vm := range vms {
		if vm.Runs() {
			return fault.Hint(fmt.Errorf("%s is running", vm.ID), "nixvf-boot stop %s", vm.ID)
		}
	}
	for _, vm := range vms {
		yes, err := r.Yes, error(nil)
		if !yes {
			yes, err = t.Confirm(ctx, "Remove "+vm.Contents(), "--yes")
		}
		if err != nil {
			return err
		}
		if !yes {
			continue
		}
		if err := boot.Remove(vm.Place(), disks, c.UID); err != nil {
			return fmt.Errorf("remove: %w", err)
		}
		t.Say("removed %s", vm.Contents())
	}
	return nil
}

type handOverCommand struct {
	ID    string   `arg:"" help:"The VM."`
	Paths []string `arg:"" name:"path" help:"Store paths, or symlinks to them."`
}

func (h *handOverCommand) run(ctx context.Context, t *cli.Tool, c boot.Config) error {
	vm, err := instance.Find(c.Host, h.ID)
	if err != nil {
		return err
	}
	n, err := nix.FindStore(nix.Log{Stderr: t.Stderr})
	if err != nil {
		return err
	}
	return exchange.HandOver(ctx, vm.Place(), n, h.Paths)
}

type checkCommand struct {
	programs
	JSON bool `name:"json" help:"Print a JSON array."`
}

// run prints what preflight finds. A problem is a failure of its own, without
// another message.
func (f *checkCommand) run(ctx context.Context, t *cli.Tool, c boot.Config) error {
	state, err := c.Host.State()
	if err != nil {
		return err
	}
	findings := preflight.Check(ctx, preflight.This{}, preflight.Programs(f.byName()), state)
	if err := context.Cause(ctx); err != nil {
		return err
	}
	out := preflight.Text(findings)
	if f.JSON {
		if out, err = bootdoc.Indent(findings); err != nil {
			return err
		}
	}
	if _, err := t.Stdout.Write(out); err != nil || !preflight.Failed(findings) {
		return err
	}
	return fault.Status(1)
}

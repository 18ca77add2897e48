package main

import (
	"bytes"
	"cmp"
	"context"
	"os"
	"os/exec"
	"syscall"

	"github.com/nixvf/nixvf/pkg/boot"
	"github.com/nixvf/nixvf/pkg/bootdoc"
	"github.com/nixvf/nixvf/pkg/cli"
	"github.com/nixvf/nixvf/pkg/exchange"
	"github.com/nixvf/nixvf/pkg/fault"
	"github.com/nixvf/nixvf/pkg/leash"
	"github.com/nixvf/nixvf/pkg/nix"
	"github.com/nixvf/nixvf/pkg/place"
	"github.com/nixvf/nixvf/pkg/preflight"
)

// config is what the flags and this process say about running a VM.
func (f *flags) config(t *cli.Tool) (boot.Config, error) {
	dir, err := os.Getwd()
	if err != nil {
		return boot.Config{}, err
	}
	c := boot.Config{
		Host: place.Host{Lookup: os.LookupEnv, Dir: dir}, UID: os.Getuid(),
		VMM: f.VMM, VFKit: f.VFKit, QEMU: f.QEMU, Virtiofsd: f.Virtiofsd,
		StopTimeout: f.StopTimeout, UnsafeStore: f.UnsafeStore, Verbose: f.Verbose, Address: f.Address, Leases: f.Leases, Rosetta: cmp.Or(f.Rosetta, boot.RosettaFile),
		Detach: f.Detach, InputFile: f.Input, Stdout: os.Stdout, Print: t.Print, Say: t.Say, Warn: t.Warn,
	}
	if f.Leash {
		// What comes over the leash is as if it came from the kernel.
		c.Leash, err = leash.Held(func(s syscall.Signal) { _ = syscall.Kill(os.Getpid(), s) })
	}
	return c, err
}

// check prints what preflight finds. A problem is a failure of its own, without
// another message.
func (f *flags) check(ctx context.Context, t *cli.Tool, c boot.Config) error {
	state, err := c.Host.State()
	if err != nil {
		return err
	}
	findings := preflight.Check(ctx, preflight.This{}, preflight.Programs{VFKit: f.VFKit, QEMU: f.QEMU, Virtiofsd: f.Virtiofsd}, state)
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

// handOver lets a running guest's Nix know store paths.
func (f *flags) handOver(ctx context.Context, t *cli.Tool, c boot.Config) error {
	if err := bootdoc.CheckID(*f.HandOver); err != nil {
		return fault.Usage(err)
	}
	vm, err := c.Host.VM(*f.HandOver, "", "")
	if err != nil {
		return err
	}
	n, err := nix.FindStore(nix.Log{Stderr: t.Stderr})
	if err != nil {
		return err
	}
	return exchange.HandOver(ctx, vm, n, f.Paths)
}

// again is this command once more, as the keeper of the document's VM. One that
// starts in the background has nothing to print on stdout.
func again(document []byte, detached bool) *exec.Cmd {
	self, err := os.Executable()
	if err != nil {
		self = os.Args[0]
	}
	cmd := exec.Command(self, append([]string{"--leash"}, os.Args[1:]...)...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(document), os.Stdout, os.Stderr
	if detached {
		cmd.Stdout = nil
	}
	return cmd
}

// outcome is a VM's exit status as an error for package cli.
func outcome(status int, err error) error {
	switch {
	case err != nil && status > 1: // the VMM's own status
		return fault.Exit(err, status)
	case err != nil: // which may have one of its own, as after a signal
		return err
	}
	return fault.Status(status)
}

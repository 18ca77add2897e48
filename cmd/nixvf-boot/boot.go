package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"

	"github.com/nixvf/nixvf/pkg/boot"
	"github.com/nixvf/nixvf/pkg/cli"
	"github.com/nixvf/nixvf/pkg/disk"
	"github.com/nixvf/nixvf/pkg/fault"
	"github.com/nixvf/nixvf/pkg/launchdoc"
	"github.com/nixvf/nixvf/pkg/link"
	"github.com/nixvf/nixvf/pkg/place"
	"github.com/nixvf/nixvf/pkg/vmm"
)

// programs are paths that the user gives.
type programs struct {
	VFKit     string `name:"vfkit" placeholder:"PATH" help:"Path of vfkit (default: looked up in PATH)."`
	QEMU      string `name:"qemu" placeholder:"PATH" help:"Path of QEMU (default: looked up in PATH)."`
	Virtiofsd string `name:"virtiofsd" placeholder:"PATH" help:"Path of virtiofsd, which serves shared directories to QEMU (default: looked up in PATH)."`
}

// byName returns the paths by the names that package vmm has for the programs.
func (p programs) byName() vmm.Programs {
	return vmm.Programs{"vfkit": p.VFKit, "qemu": p.QEMU, "virtiofsd": p.Virtiofsd}
}

type bootCommand struct {
	VMM string `name:"vmm" enum:"auto,vfkit,qemu" default:"auto" help:"What runs the VM: auto, vfkit or qemu (default: ${default})."`
	programs
	StopTimeout time.Duration `default:"60s" help:"How long the guest may take to shut down before it is forced (default: ${default})."`
	UnsafeStore bool          `help:"Share the Nix store, or a directory that contains it, even if root in the guest could write to it, as under vfkit with a single-user Nix. Also allow writable disk images in the store."`
	Address     bool          `help:"Print the guest's address on vfkit's NAT as soon as it is known."`
	Leases      string        `default:"/var/db/dhcpd_leases" hidden:"" help:"The file where it is found."`
	Rosetta     string        `hidden:"" help:"The file that is there where Rosetta is."`
	Input       string        `placeholder:"FILE" help:"Type the contents of a file, FIFO or device on the console, in addition to the keys of a terminal. The VM keeps running at its end."`
	Detach      bool          `short:"d" help:"Put the VM in the background once it runs, and print its id and where its console is."`
	Wait        bool          `help:"With --detach, return when the guest has finished booting."`
	Supervise   bool          `hidden:"" help:"Run the VM for the client at the other end of descriptor 3."`
	DryRun      bool          `short:"n" help:"Print the commands as shell code, and run nothing."`
	former
}

// former are flags that have become commands.
type former struct {
	Attach   *string `hidden:""`
	HandOver *string `hidden:""`
	Check    bool    `hidden:""`
}

// err says what a former flag is now.
func (f former) err() error {
	gone := func(flag, command string) error {
		return fault.Usage(fault.Hint(fmt.Errorf("--%s is a command now", flag), "nixvf-boot %s", command))
	}
	switch {
	case f.Attach != nil:
		return gone("attach", "attach "+*f.Attach)
	case f.HandOver != nil:
		return gone("hand-over", "hand-over "+*f.HandOver+" PATH...")
	case f.Check:
		return gone("check", "check")
	}
	return nil
}

// config is what the flags and this process say about running a VM.
func (b *bootCommand) config(t *cli.Tool, verbose bool) (boot.Config, error) {
	dir, err := os.Getwd()
	if err != nil {
		return boot.Config{}, err
	}
	c := boot.Config{
		Host: place.Host{Lookup: os.LookupEnv, Dir: dir}, UID: os.Getuid(),
		VMM: b.VMM, Programs: b.byName(),
		StopTimeout: b.StopTimeout, UnsafeStore: b.UnsafeStore, Verbose: verbose, Address: b.Address, Leases: b.Leases,
		Rosetta: cmp.Or(b.Rosetta, vmm.RosettaFile), Detach: b.Detach, InputFile: b.Input,
		Stdout: os.Stdout, Print: t.Print, Say: t.Say, Warn: t.Warn,
	}
	if b.Supervise {
		// What comes over the link is as if it came from the kernel.
		c.Client, err = link.Inherit(func(s syscall.Signal) { _ = syscall.Kill(os.Getpid(), s) })
	}
	return c, err
}

// run runs the VM of the document on stdin.
func (b *bootCommand) run(ctx context.Context, t *cli.Tool, c boot.Config) error {
	if err := b.err(); err != nil {
		return err
	}
	if b.StopTimeout < 0 {
		return fault.Usage(fmt.Errorf("--stop-timeout: %v lies before the request to stop", b.StopTimeout))
	}
	data, err := t.Document(ctx, "launch document")
	if err != nil {
		return err
	}
	doc, err := launchdoc.Parse(data)
	if err != nil {
		return err
	}
	if b.DryRun {
		commands, err := boot.DryRun(ctx, doc, c)
		t.Print(commands)
		return err
	}
	id, err := b.waitsFor(doc, c)
	if err != nil {
		return err
	}
	c.Supervisor = func() *exec.Cmd { return again(data, b.Detach) }
	if err := outcome(boot.Run(disk.WithProgress(ctx, t.Progress), doc, c)); err != nil || !b.Wait || b.Supervise {
		return err
	}
	return awaitReady(ctx, c, id)
}

// waitsFor returns the id of the VM for which --wait waits.
func (b *bootCommand) waitsFor(doc *launchdoc.Document, c boot.Config) (string, error) {
	if !b.Wait {
		return "", nil
	}
	if !b.Detach {
		return "", fault.Usage(errors.New("--wait: it waits for a VM in the background: --detach"))
	}
	if doc.SSH == "" {
		return "", fault.Usage(errors.New("--wait: the guest says by ssh that it is ready, and the document has no ssh"))
	}
	vm, err := c.Place(doc)
	return vm.ID, err
}

// again is this command once more, as the supervisor of the document's VM. One that
// starts in the background has nothing to print on stdout.
func again(document []byte, detached bool) *exec.Cmd {
	cmd := self(append(os.Args[1:len(os.Args):len(os.Args)], "--supervise")...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(document), os.Stdout, os.Stderr
	if detached {
		cmd.Stdout = nil
	}
	return cmd
}

// self is this program once more.
func self(args ...string) *exec.Cmd {
	path, err := os.Executable()
	if err != nil {
		path = os.Args[0]
	}
	return exec.Command(path, args...)
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

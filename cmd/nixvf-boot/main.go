// Command nixvf-boot runs the VM of a launch document.
package main

import (
	"context"
	"os"
	"time"

	"github.com/nixvf/nixvf/pkg/boot"
	"github.com/nixvf/nixvf/pkg/cli"
	"github.com/nixvf/nixvf/pkg/disk"
	"github.com/nixvf/nixvf/pkg/fault"
	"github.com/nixvf/nixvf/pkg/launchdoc"
	"github.com/nixvf/nixvf/pkg/place"
)

const about = `Run the VM of a launch document: under vfkit on macOS, under QEMU with
virtiofsd elsewhere. Missing disk images are created, existing ones used as they
are. At a terminal the VM's console is there, although stdin was the document:
every key goes to the guest, "ctrl-] ." stops it, and once more forces it.

	nixvf-eval .#darwinVM | nixvf-args | nixvf-boot
	nixvf-boot <launch.json
	nixvf-boot --dry-run <launch.json

The input is the JSON of nixvf-args, a JSON array of vfkit's arguments, or the
arguments themselves, one a line or NUL-terminated. INT, TERM and HUP ask the
guest to shut down. The exit status is the VMM's; 128+N when signal N ended it.`

type flags struct {
	VMM         string        `name:"vmm" enum:"auto,vfkit,qemu" default:"auto" help:"What runs the VM: auto, vfkit or qemu."`
	VFKit       string        `name:"vfkit" placeholder:"PATH" help:"Path of vfkit, if it is not in PATH."`
	QEMU        string        `name:"qemu" placeholder:"PATH" help:"Path of QEMU, if it is not in PATH."`
	Virtiofsd   string        `name:"virtiofsd" placeholder:"PATH" help:"Path of virtiofsd, which serves shares to QEMU."`
	StopTimeout time.Duration `default:"60s" help:"How long the guest may take to shut down before it is forced (${default})."`
	UnsafeStore bool          `help:"Share the store even if root in the guest could write to it, as under vfkit with a single-user Nix."`
	Address     bool          `help:"Say the guest's address on vfkit's NAT, once it is known."`
	Leases      string        `default:"/var/db/dhcpd_leases" hidden:"" help:"The file where it is found."`
	DryRun      bool          `short:"n" help:"Print the commands as shell code and run nothing."`
	cli.Common
}

func main() {
	var f flags
	cli.Main("nixvf-boot", about, &f, func(ctx context.Context, t *cli.Tool) error {
		data, err := t.Document(ctx, "launch document")
		if err != nil {
			return err
		}
		doc, err := launchdoc.Parse(data)
		if err != nil {
			return err
		}
		dir, err := os.Getwd()
		if err != nil {
			return err
		}
		config := boot.Config{
			Host: place.Host{Lookup: os.LookupEnv, Dir: dir}, UID: os.Getuid(),
			VMM: f.VMM, VFKit: f.VFKit, QEMU: f.QEMU, Virtiofsd: f.Virtiofsd,
			StopTimeout: f.StopTimeout, UnsafeStore: f.UnsafeStore, Verbose: f.Verbose, Address: f.Address, Leases: f.Leases,
			Stdout: os.Stdout, Say: t.Say, Warn: t.Warn,
		}
		if f.DryRun {
			commands, err := boot.DryRun(ctx, doc, config)
			t.Print(commands)
			return err
		}
		status, err := boot.Run(disk.WithProgress(ctx, t.Progress), doc, config)
		switch {
		case err != nil && status > 1: // the VMM's own status
			return fault.Exit(err, status)
		case err != nil: // which may have one of its own, as after a signal
			return err
		}
		return fault.Status(status)
	})
}

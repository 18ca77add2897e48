// Command nixvf-boot runs the VM of a launch document.
package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"time"

	"github.com/nixvf/nixvf/pkg/boot"
	"github.com/nixvf/nixvf/pkg/cli"
	"github.com/nixvf/nixvf/pkg/disk"
	"github.com/nixvf/nixvf/pkg/fault"
	"github.com/nixvf/nixvf/pkg/launchdoc"
)

const about = `Run the VM of a launch document: under vfkit on macOS, under QEMU with
virtiofsd elsewhere. Missing disk images are created, existing ones used as they
are. At a terminal the VM's console is there, although stdin was the document:
every key goes to the guest, "ctrl-] ." stops it, once more forces it, and
"ctrl-] d" leaves it running in the background.

	nixvf-eval .#darwinVM | nixvf-args | nixvf-boot
	nixvf-boot <launch.json
	nixvf-boot --input FILE <launch.json >console.log
	nixvf-boot --detach <launch.json; nixvf-boot --attach ID
	nixvf-boot --hand-over ID ./result
	nixvf-boot --dry-run <launch.json
	nixvf-boot --check

The input is the JSON of nixvf-args, a JSON array of vfkit's arguments, or the
arguments themselves, one a line or NUL-terminated. INT, TERM and HUP ask the
guest to shut down. Not at a terminal, the guest gets no input but --input's.
What the VMM says is in its own log, which -v names.

Exit status: 0 the guest shut down, or the VM runs in the background; 1 failure,
or a panic of the guest's kernel; 2 wrong usage; 124 the guest did not stop within
--stop-timeout; 125 it was forced by asking twice; 128+N signal N ended the VMM, or
nixvf-boot before the VM ran; any other is the VMM's.`

type flags struct {
	VMM         string        `name:"vmm" enum:"auto,vfkit,qemu" default:"auto" help:"What runs the VM: auto, vfkit or qemu."`
	VFKit       string        `name:"vfkit" placeholder:"PATH" help:"Path of vfkit, if it is not in PATH."`
	QEMU        string        `name:"qemu" placeholder:"PATH" help:"Path of QEMU, if it is not in PATH."`
	Virtiofsd   string        `name:"virtiofsd" placeholder:"PATH" help:"Path of virtiofsd, which serves shares to QEMU."`
	StopTimeout time.Duration `default:"60s" help:"How long the guest may take to shut down before it is forced (${default})."`
	UnsafeStore bool          `help:"Share the store, or what it lies in, even if root in the guest could write to it, as under vfkit with a single-user Nix; and write to files in it."`
	Address     bool          `help:"Say the guest's address on vfkit's NAT, once it is known."`
	Leases      string        `default:"/var/db/dhcpd_leases" hidden:"" help:"The file where it is found."`
	Rosetta     string        `hidden:"" help:"The file that is there where Rosetta is."`
	Input       string        `placeholder:"FILE" help:"Type what a file, a FIFO or a device gives at the console, beside the keys of a terminal. Its end is not the VM's."`
	Detach      bool          `short:"d" help:"Put the VM in the background once it runs, and print how to find it."`
	Attach      *string       `placeholder:"ID" help:"Take the console of a VM in the background to this terminal."`
	HandOver    *string       `placeholder:"ID" help:"Let Nix in a running guest know store paths, which follow, with all that they need; nixvf-refresh there takes it over."`
	Paths       []string      `arg:"" optional:"" name:"path" help:"With --hand-over: store paths, or links to them."`
	Leash       bool          `hidden:"" help:"Run the VM for the process in front, at the other end of descriptor 3."`
	Check       bool          `help:"Look at whether this host can run VMs, what is wrong with it, and what mends that; needs no document."`
	JSON        bool          `name:"json" help:"With --check: as JSON."`
	DryRun      bool          `short:"n" help:"Print the commands as shell code and run nothing."`
	cli.Common
}

func main() {
	var f flags
	cli.Main("nixvf-boot", about, &f, func(ctx context.Context, t *cli.Tool) error {
		if err := t.NoRest(); err != nil {
			return err
		}
		config, err := f.config(t)
		if err != nil {
			return err
		}
		switch {
		case f.StopTimeout < 0:
			return fault.Usage(fmt.Errorf("--stop-timeout: %v lies before the request to stop", f.StopTimeout))
		case f.Attach != nil && f.Input != "":
			return fault.Usage(errors.New("--input goes with the start of a VM, not with --attach"))
		case f.Attach != nil:
			return outcome(boot.Attach(*f.Attach, config))
		case f.HandOver != nil && len(f.Paths) > 0:
			return f.handOver(ctx, t, config)
		case f.HandOver != nil:
			return fault.Usage(errors.New("--hand-over: no store path is given"))
		case len(f.Paths) > 0:
			return fault.Usage(fmt.Errorf("unexpected argument %s", f.Paths[0]))
		case f.JSON && !f.Check:
			return fault.Usage(errors.New("--json goes with --check"))
		case f.Check:
			return f.check(ctx, t, config)
		}
		data, err := t.Document(ctx, "launch document")
		if err != nil {
			return err
		}
		doc, err := launchdoc.Parse(data)
		if err != nil {
			return err
		}
		if f.DryRun {
			commands, err := boot.DryRun(ctx, doc, config)
			t.Print(commands)
			return err
		}
		config.Keeper = func() *exec.Cmd { return again(data, f.Detach) }
		return outcome(boot.Run(disk.WithProgress(ctx, t.Progress), doc, config))
	})
}

// Nixvf-args turns a boot document into the command line of vfkit. The work is
// package vfkit's.
package main

import (
	"context"
	"os"
	"slices"

	"github.com/nixvf/nixvf/pkg/bootdoc"
	"github.com/nixvf/nixvf/pkg/cli"
	"github.com/nixvf/nixvf/pkg/launchdoc"
	"github.com/nixvf/nixvf/pkg/place"
	"github.com/nixvf/nixvf/pkg/vfkit"
)

const about = `Read a boot document, print the launch document: vfkit's command line, and what must be there before
it can run. Nothing is created and nothing started. What stands behind -- goes to vfkit.

Paths may hold shell variables, among them $NIXVF_STATE, the VM's state directory, and $TMPDIR, its run
directory.

Examples:

The pipeline, with some settings of the flake's VM overridden:

    nixvf-eval .#darwinVM | nixvf-args --memory 4G --forward 2222:22 | nixvf-boot

A document written by hand, and one that was kept:

    printf '{"kernel": "/k", "initrd": "/i", "init": "/init", "kernel-params": []}' | nixvf-args

    nixvf-args --share ~/src:/mnt/src --id second < boot.json

Only the command: to paste, and to run as it is:

    nixvf-args --format shell < boot.json

    nixvf-args --console vm.log --format null < boot.json | xargs -0 vfkit

A device that only vfkit knows:

    nixvf-args < boot.json -- --device usb-mass-storage,path=/tmp/install.iso,readonly

Environment: NIXVF_ID, NIXVF_KERNEL_PARAMS, and as with NixOS's run-nixos-vm NIX_DISK_IMAGE, SHARED_DIR,
USE_TMPDIR with TMPDIR, QEMU_KERNEL_PARAMS, QEMU_NET_OPTS (hostfwd and restrict), NIX_SSL_CERT_FILE;
XDG_STATE_HOME, under which the VM's state directory is.

Files:

    ~/.local/state/nixvf/ID   the VM's state directory, with its root disk

Exit status: 0 success, 1 failure, 2 wrong usage, 128+N ended by signal N.`

// flags has the fields of vfkit.Flags.
type flags struct {
	ID           string          `name:"id" placeholder:"ID" help:"Id of the VM; another one makes a second instance of the same configuration ($NIXVF_ID)."`
	Ephemeral    bool            `help:"Make the VM for one run: with an id, a root disk and a state directory of its own, which are gone when it ends."`
	CPUs         vfkit.CPUs      `name:"cpus" placeholder:"N" help:"Number of virtual CPUs."`
	Memory       vfkit.MiB       `placeholder:"SIZE" help:"Memory, in MiB or with a unit as in 4G."`
	Disk         string          `placeholder:"PATH" help:"Root disk, a raw image ($NIX_DISK_IMAGE)."`
	Shares       vfkit.Shares    `name:"share" placeholder:"[TAG=]PATH[:TARGET][:ro]" help:"Share a directory; the guest mounts it at TARGET by itself, or finds it under its mount tag. Repeatable."`
	Credentials  vfkit.Files     `name:"credential" placeholder:"NAME=PATH" help:"Give the guest's systemd a file as a credential; it is read when the VM starts. Repeatable."`
	Net          string          `enum:"nat,none" default:"nat" placeholder:"nat|none" help:"Network (default: nat)."`
	MAC          vfkit.MAC       `name:"mac" placeholder:"ADDRESS" help:"Hardware address of the network card; without it one that belongs to the id."`
	Forward      []vfkit.Forward `sep:"none" placeholder:"[ADDRESS:]PORT:GUESTPORT[/udp]" help:"Forward a port of the host to the guest; repeatable."`
	HostLoopback bool            `help:"Let the guest reach, at its gateway, what listens on the host's loopback interface."`
	Console      string          `placeholder:"stdio|pty|FILE" help:"Where the guest's console goes (default: the document's, or else stdio)."`
	GUI          *bool           `name:"gui" negatable:"" help:"Open a window with the guest's display; under vfkit the VM runs on when it is closed."`
	Rosetta      *bool           `negatable:"" help:"Give the guest Apple's Rosetta, if the Mac has it."`
	Vsock        []vfkit.Port    `sep:"none" placeholder:"PORT" help:"Make the guest's vsock port a socket in the VM's run directory; repeatable."`
	Store        string          `placeholder:"share|image" help:"Where the guest has its store from: the host's, shared, or an image of its system's closure, and nothing else of the host's (default: as the configuration says)."`
	KernelParams []string        `name:"kernel-param" sep:"none" placeholder:"PARAM" help:"Add a kernel parameter; repeatable ($NIXVF_KERNEL_PARAMS)."`
}

type command struct {
	flags
	Format string `enum:"json,shell,lines,null" default:"json" placeholder:"FORMAT" help:"What to print: the document (json), a command to paste (shell), or the arguments alone, one a line (lines) or each followed by NUL (null)."`
	cli.Common
}

func main() {
	var c command
	cli.Main("nixvf-args", about, &c, c.run)
}

func (c *command) run(ctx context.Context, t *cli.Tool) error {
	data, err := t.Document(ctx, "boot document")
	if err != nil {
		return err
	}
	boot, warnings, err := bootdoc.Parse(data)
	if err != nil {
		return err
	}
	dir, err := os.Getwd()
	if err != nil {
		return err
	}
	options := vfkit.Options{
		Flags: vfkit.Flags(c.flags),
		Rest:  t.Rest,
		Host:  place.Host{Lookup: os.LookupEnv, Dir: dir, Files: os.DirFS("/")},
	}
	launch, more, err := vfkit.Launch(boot, options)
	notes, outside := vfkit.Outside(boot, options)
	for _, w := range slices.Concat(warnings, more, outside) {
		t.Warn("%s", w)
	}
	if err != nil {
		return err
	}
	for _, n := range notes {
		t.Say("%s", n)
	}
	if c.Format != launchdoc.JSON && (launch.RestrictNetwork || launch.HostLoopback || len(launch.ForwardPorts) > 0) {
		t.Warn("--format %s: only the document (json) can restrict the network, open the host's loopback and forward ports", c.Format)
	}
	if c.Format != launchdoc.JSON && len(launch.Credentials) > 0 {
		t.Warn("--format %s: only the document (json) can give the guest credentials", c.Format)
	}
	out, err := launch.Render(c.Format)
	t.Print(out)
	return err
}

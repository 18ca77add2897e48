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

const about = `Read a boot document and print the launch document: vfkit's command line, and what must exist before it
can run. nixvf-args creates nothing and starts nothing. Arguments after -- are passed to vfkit.

Paths may contain shell variables, such as $NIXVF_STATE, the VM's state directory, and $TMPDIR, its run
directory.

Examples:

The pipeline, with some of the flake's settings overridden:

    nixvf-eval .#darwinVM | nixvf-args --memory 4G --forward 2222:22 | nixvf-boot

A document written by hand, and one that was saved:

    printf '{"kernel": "/k", "initrd": "/i", "init": "/init", "kernel-params": []}' | nixvf-args

    nixvf-args --share ~/src:/mnt/src --id second < boot.json

Only the command, to paste and to run directly:

    nixvf-args --format shell < boot.json

    nixvf-args --console vm.log --format null < boot.json | xargs -0 vfkit

A device that nixvf has no flag for:

    nixvf-args < boot.json -- --device usb-mass-storage,path=/tmp/install.iso,readonly

Environment: NIXVF_ID and NIXVF_KERNEL_PARAMS; the variables of NixOS's run-nixos-vm: NIX_DISK_IMAGE,
SHARED_DIR, USE_TMPDIR with TMPDIR, QEMU_KERNEL_PARAMS, QEMU_NET_OPTS (hostfwd and restrict) and
NIX_SSL_CERT_FILE; and XDG_STATE_HOME, which holds the VM's state directory.

Files:

    ~/.local/state/nixvf/ID   the VM's state directory, which holds its root disk

Exit status: 0 success, 1 failure, 2 wrong usage, 128+N ended by signal N.`

// flags has the fields of vfkit.Flags.
type flags struct {
	ID           string          `name:"id" placeholder:"ID" help:"Id of the VM. A different id gives a second VM of the same configuration ($NIXVF_ID)."`
	Ephemeral    bool            `help:"Make a VM for one run. Its id, root disk and state directory are new, and are removed when it ends."`
	CPUs         vfkit.CPUs      `name:"cpus" placeholder:"N" help:"Number of virtual CPUs."`
	Memory       vfkit.MiB       `placeholder:"SIZE" help:"Memory, in MiB or with a unit, such as 4G."`
	Disk         string          `placeholder:"PATH" help:"Root disk: a raw image ($NIX_DISK_IMAGE)."`
	Shares       vfkit.Shares    `name:"share" placeholder:"[TAG=]PATH[:TARGET][:ro]" help:"Share a directory. The guest mounts it at TARGET; without TARGET it can be mounted by its tag. Repeatable."`
	Credentials  vfkit.Files     `name:"credential" placeholder:"NAME=PATH" help:"Pass a file to the guest's systemd as a credential. It is read when the VM starts. Repeatable."`
	Net          string          `enum:"nat,none" default:"nat" placeholder:"nat|none" help:"Network (default: nat)."`
	MAC          vfkit.MAC       `name:"mac" placeholder:"ADDRESS" help:"MAC address of the network card (default: derived from the id)."`
	Forward      []vfkit.Forward `sep:"none" placeholder:"[ADDRESS:]PORT:GUESTPORT[/udp]" help:"Forward a port of the host to the guest. Repeatable."`
	HostLoopback bool            `help:"Let the guest reach services on the host's loopback interface, at its gateway's address."`
	Console      string          `placeholder:"stdio|pty|FILE" help:"Where the guest's console goes (default: as the document says, or else stdio)."`
	GUI          *bool           `name:"gui" negatable:"" help:"Open a window with the guest's display. Under vfkit the VM keeps running when the window is closed."`
	Rosetta      *bool           `negatable:"" help:"Give the guest Apple's Rosetta, if the Mac has it installed."`
	Nested       *bool           `negatable:"" help:"Let the guest run VMs itself. On a Mac this needs an M3 or newer and macOS 15 or newer; on Linux, KVM with nesting."`
	Vsock        []vfkit.Port    `sep:"none" placeholder:"PORT" help:"Make this vsock port of the guest a socket in the VM's run directory. Repeatable."`
	Store        string          `placeholder:"share|image" help:"The guest's Nix store: the host's store, shared, or an image that holds only the closure of the guest's system (default: as the configuration says)."`
	KernelParams []string        `name:"kernel-param" sep:"none" placeholder:"PARAM" help:"Add a kernel parameter. Repeatable ($NIXVF_KERNEL_PARAMS)."`
}

type command struct {
	flags
	Format string `enum:"json,shell,lines,null" default:"json" placeholder:"FORMAT" help:"What to print: the document (json), a command to paste (shell), or only the arguments, one per line (lines) or each followed by NUL (null) (default: ${default})."`
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
		t.Warn("--format %s: only the document (json) can restrict the network, open the host's loopback interface or forward ports", c.Format)
	}
	if c.Format != launchdoc.JSON && len(launch.Credentials) > 0 {
		t.Warn("--format %s: only the document (json) can pass credentials to the guest", c.Format)
	}
	out, err := launch.Render(c.Format)
	t.Print(out)
	return err
}

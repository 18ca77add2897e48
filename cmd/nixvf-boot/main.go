// Command nixvf-boot runs the VM of a launch document, and looks after VMs that
// run already.
package main

import (
	"context"

	"github.com/nixvf/nixvf/pkg/boot"
	"github.com/nixvf/nixvf/pkg/cli"
)

const about = `Run the VM of a launch document: under vfkit on macOS, under QEMU with
virtiofsd elsewhere. Missing disk images are created, existing ones used as they
are. At a terminal the VM's console is there, although stdin was the document:
every key goes to the guest, "ctrl-] ." stops it, once more forces it, and
"ctrl-] d" leaves it running in the background.

The input is the JSON of nixvf-args, a JSON array of vfkit's arguments, or the
arguments themselves, one a line or NUL-terminated. INT, TERM and HUP ask the
guest to shut down. Not at a terminal, the guest gets no input but --input's.
What the VMM says is in its own log, which -v names. A VM is known by its id, by
a beginning that no other one has, or by its configuration's name.

The flags of a start are those of "nixvf-boot boot --help".

Examples:

	nixvf-eval .#darwinVM | nixvf-args | nixvf-boot
	nixvf-boot <launch.json
	nixvf-boot --input FILE <launch.json >console.log
	nixvf-boot --detach <launch.json; nixvf-boot attach darwinVM
	nixvf-boot list; nixvf-boot stop darwinVM
	nixvf-boot ssh darwinVM; nixvf-boot ssh darwinVM -- uname -a
	nixvf-boot hand-over darwinVM ./result
	nixvf-boot --dry-run <launch.json
	nixvf-boot check

Environment: PATH, where vfkit, QEMU and virtiofsd are looked for; XDG_STATE_HOME,
XDG_CACHE_HOME, XDG_RUNTIME_DIR and TMPDIR, for the places below; and what a path
in the document names.

Files:

	~/.local/state/nixvf/ID       a VM: its root disk, logs, links that keep its system
	~/.local/state/nixvf/ID/run   its sockets, and what else lives as long as it runs
	~/.cache/nixvf                what can go at any time

Exit status: 0 the guest shut down, or the VM runs in the background; 1 failure,
or a panic of the guest's kernel; 2 wrong usage; 124 the guest did not stop within
--stop-timeout; 125 it was forced by asking twice; 128+N signal N ended the VMM, or
nixvf-boot before the VM ran; any other is the VMM's.`

type grammar struct {
	Boot       bootCommand       `cmd:"" default:"withargs" help:"Run the VM of the launch document on stdin; without a command, nixvf-boot does just that."`
	List       listCommand       `cmd:"" help:"List the VMs that have a state directory on this host, running or not."`
	Attach     attachCommand     `cmd:"" help:"Take the console of a VM in the background to this terminal; ctrl-] d leaves it."`
	Stop       stopCommand       `cmd:"" help:"Ask VMs to shut down, and wait until they have."`
	Wait       waitCommand       `cmd:"" help:"Wait until a VM has stopped, or runs."`
	Log        logCommand        `cmd:"" help:"Print what a VM in the background has printed on its console, or another log of it."`
	Remove     removeCommand     `cmd:"" help:"Remove VMs that do not run: their disks, logs and all else in their state directories."`
	SSH        sshCommand        `cmd:"" name:"ssh" help:"Get a shell in a VM, or run the command behind -- there, with stdin, stdout, stderr and its exit status."`
	SSHConfig  sshConfigCommand  `cmd:"" name:"ssh-config" help:"Print the part of ssh's configuration with which ssh, scp, rsync and nix copy find a VM."`
	SSHConnect sshConnectCommand `cmd:"" name:"ssh-connect" hidden:""`
	HandOver   handOverCommand   `cmd:"" name:"hand-over" help:"Let Nix in a running guest know store paths with all that they need; nixvf-refresh there takes it over."`
	Check      checkCommand      `cmd:"" help:"Look at whether this host can run VMs, what is wrong with it, and what mends that."`
	cli.Common
}

func main() {
	var g grammar
	cli.Main("nixvf-boot", about, &g, g.run)
}

// run runs the command that was given.
func (g *grammar) run(ctx context.Context, t *cli.Tool) error {
	if err := t.NoRest(); err != nil && t.Command != "ssh" {
		return err
	}
	config, err := g.Boot.config(t, g.Verbose)
	if err != nil {
		return err
	}
	commands := map[string]func(context.Context, *cli.Tool, boot.Config) error{
		"boot": g.Boot.run, "list": g.List.run, "attach": g.Attach.run, "stop": g.Stop.run, "wait": g.Wait.run,
		"log": g.Log.run, "remove": g.Remove.run, "hand-over": g.HandOver.run, "ssh": g.SSH.run, "ssh-config": g.SSHConfig.run, "ssh-connect": g.SSHConnect.run, "check": g.Check.run,
	}
	return commands[t.Command](ctx, t, config)
}

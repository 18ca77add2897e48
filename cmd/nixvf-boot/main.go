// Command nixvf-boot runs the VM of a launch document, and looks after VMs that
// run already.
package main

import (
	"context"

	"github.com/nixvf/nixvf/pkg/boot"
	"github.com/nixvf/nixvf/pkg/cli"
)

const about = `Run the VM of a launch document: under vfkit on macOS, under QEMU with
virtiofsd elsewhere. nixvf-boot creates missing disk images and uses existing
ones as they are. The VM's console is on your terminal, even though stdin is the
document. Every key goes to the guest. "ctrl-] ." asks the guest to shut down,
and forces it when pressed again. "ctrl-] d" leaves the VM running in the
background.

The input is the JSON that nixvf-args prints, a JSON array of vfkit's arguments,
or the arguments themselves, one per line or each followed by NUL. INT, TERM and
HUP ask the guest to shut down. Without a terminal, the guest gets input only
from --input. The VMM's messages go to a log file; -v names it. ID is a VM's id,
an unambiguous beginning of it, or the name of its configuration.

"nixvf-boot boot --help" lists the flags for starting a VM.

Examples:

	nixvf-eval .#darwinVM | nixvf-args | nixvf-boot
	nixvf-boot --dry-run <launch.json
	nixvf-boot --input FILE <launch.json >console.log
	nixvf-boot --detach <launch.json; nixvf-boot attach darwinVM
	nixvf-boot wait darwinVM --for ready --timeout 5m
	nixvf-boot list; nixvf-boot log darwinVM
	nixvf-boot ssh darwinVM; nixvf-boot ssh darwinVM -- uname -a
	nixvf-boot ssh-config --install; ssh darwinVM.nixvf
	nixvf-eval .#darwinVM | nixvf-boot switch
	nixvf-boot hand-over darwinVM ./result
	nixvf-boot stop darwinVM; nixvf-boot remove darwinVM
	nixvf-boot check

Environment: PATH, to find vfkit, QEMU and virtiofsd; XDG_STATE_HOME,
XDG_CACHE_HOME, XDG_RUNTIME_DIR and TMPDIR, for the places below; and the
variables in the document's paths.

Files:

	~/.local/state/nixvf/ID       a VM: its root disk, its logs, links that protect its system
	~/.local/state/nixvf/ID/run   its sockets, and other files that exist only while it runs
	~/.cache/nixvf                caches; you can delete them at any time

Exit status: 0 the guest shut down, or the VM runs in the background; 1 failure,
or a panic of the guest's kernel; 2 wrong usage; 124 the guest did not stop within
--stop-timeout; 125 you forced it by asking twice; 128+N signal N ended the VMM, or
nixvf-boot before the VM ran; any other status is the VMM's.`

type grammar struct {
	Boot       bootCommand       `cmd:"" default:"withargs" help:"Run the VM of the launch document on stdin. This is the default command."`
	List       listCommand       `cmd:"" help:"List the VMs on this host, running or not."`
	Attach     attachCommand     `cmd:"" help:"Connect this terminal to the console of a VM in the background; ctrl-] d leaves it."`
	Stop       stopCommand       `cmd:"" help:"Ask VMs to shut down, and wait until they have."`
	Wait       waitCommand       `cmd:"" help:"Wait until a VM has stopped, is running, or is ready."`
	Log        logCommand        `cmd:"" help:"Print the console log of a VM in the background, or another of its logs."`
	Remove     removeCommand     `cmd:"" help:"Remove stopped VMs: their state directories, with disks and logs."`
	SSH        sshCommand        `cmd:"" name:"ssh" help:"Open a shell in a VM, or run the command after --, with its stdin, stdout, stderr and exit status."`
	SSHConfig  sshConfigCommand  `cmd:"" name:"ssh-config" help:"Print an ssh configuration with which ssh, scp, rsync and nix copy reach a VM."`
	SSHConnect sshConnectCommand `cmd:"" name:"ssh-connect" hidden:""`
	Switch     switchCommand     `cmd:"" help:"Switch the guest of a running VM to the system of the boot document on stdin."`
	HandOver   handOverCommand   `cmd:"" name:"hand-over" help:"Register store paths and their closures in a running guest; nixvf-refresh in the guest takes them over."`
	Check      checkCommand      `cmd:"" help:"Check whether this host can run VMs, and say how to fix what is wrong."`
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
		"log": g.Log.run, "remove": g.Remove.run, "switch": g.Switch.run, "hand-over": g.HandOver.run, "ssh": g.SSH.run, "ssh-config": g.SSHConfig.run, "ssh-connect": g.SSHConnect.run, "check": g.Check.run,
	}
	return commands[t.Command](ctx, t, config)
}

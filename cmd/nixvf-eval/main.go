// Nixvf-eval builds a flake's NixOS configuration and prints how it is booted.
package main

import (
	"context"
	"os"

	"github.com/nixvf/nixvf/pkg/cli"
	"github.com/nixvf/nixvf/pkg/eval"
	"github.com/nixvf/nixvf/pkg/nix"
	"github.com/nixvf/nixvf/pkg/place"
)

const about = `Build a NixOS configuration of a flake and print how to boot it, as JSON on stdout.

    nixvf-eval .#darwinVM | nixvf-args | nixvf-boot

FLAKE is what nix takes: a directory, or a reference like github:owner/repository. NAME is one of its
nixosConfigurations; it can be left out when there is only one. The flake stays as it is.

    nixvf-eval                                    the only configuration of the flake here
    nixvf-eval ~/machines#web                     another directory
    nixvf-eval '.#"web.prod"'                     a name with a dot
    nixvf-eval .#darwinVM --query kernel          only the kernel's path
    nixvf-eval .#darwinVM --id second             a second VM of the same configuration
    nixvf-eval . -- --override-input nixpkgs ~/nixpkgs --print-build-logs

What stands behind -- goes to nix. Nix's messages and progress are on stderr. The system is kept from
garbage collection by links in the VM's state directory, ~/.local/state/nixvf/ID.

Environment: NIXVF_ID (--id), XDG_STATE_HOME, XDG_CACHE_HOME, and Nix's own variables.
Exit status: 0 success, 1 failure, 2 wrong usage, 128+N ended by signal N.`

type flags struct {
	Flake   string `arg:"" optional:"" default:"." placeholder:"FLAKE[#NAME]" help:"The flake and the configuration's name (${default})."`
	Query   string `placeholder:"PATH" help:"Print only what this gjson path finds in the document."`
	OutLink string `placeholder:"PATH" help:"Make a link to the system, too, as nix build does."`
	NoLink  bool   `help:"Leave the system to the next garbage collection."`
	ID      string `name:"id" help:"The VM's id, by which its state goes (NIXVF_ID)."`
	cli.Common
}

func main() {
	var f flags
	cli.Main("nixvf-eval", about, &f, func(ctx context.Context, t *cli.Tool) error { return f.run(ctx, t) })
}

func (f *flags) run(ctx context.Context, t *cli.Tool) error {
	dir, err := os.Getwd()
	if err != nil {
		return err
	}
	terminal := nix.Terminal{Stdin: t.Stdin, Stderr: t.Stderr}
	if f.Verbose {
		terminal.Trace = func(command string) { t.Say("%s", command) }
	}
	doc, err := eval.Document(ctx, eval.Request{
		Flake: f.Flake, ID: f.ID, NoLink: f.NoLink, OutLink: f.OutLink, Options: t.Rest,
		Host: place.Host{Lookup: os.LookupEnv, Dir: dir}, Nix: terminal,
	})
	if err != nil {
		return err
	}
	out, err := doc.Marshal()
	if f.Query != "" {
		out, err = eval.Query(doc, f.Query)
	}
	t.Print(out)
	return err
}

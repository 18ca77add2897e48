// Nixvf-eval builds a flake's NixOS configuration and prints how it is booted.
package main

import (
	"context"
	"encoding/json"
	"os"

	"github.com/nixvf/nixvf/pkg/cli"
	"github.com/nixvf/nixvf/pkg/eval"
	"github.com/nixvf/nixvf/pkg/nix"
	"github.com/nixvf/nixvf/pkg/place"
)

const about = `Build a NixOS configuration of a flake and print how to boot it, as JSON on stdout.

FLAKE is a directory or what else nix takes, like github:owner/repository. NAME is one of its
nixosConfigurations; it can be left out when there is only one. The flake stays as it is.

What stands behind -- goes to nix. Nix's messages and progress are on stderr.

Examples:

    nixvf-eval .#darwinVM | nixvf-args | nixvf-boot

    nixvf-eval                         the only configuration of the flake here
    nixvf-eval ~/machines#web          another directory
    nixvf-eval '.#"web.prod"'          a name with a dot
    nixvf-eval . --query kernel        the kernel's path, nothing else
    nixvf-eval . --no-build            the settings, without building anything
    nixvf-eval . --id second           a second VM of the same configuration
    nixvf-eval . -- --override-input nixpkgs ~/nixpkgs

Environment: NIXVF_ID (as --id), XDG_STATE_HOME, XDG_CACHE_HOME, and nix's own variables.

Files:

    ~/.local/state/nixvf/ID/roots   links that keep the VM's system from garbage collection
    ~/.cache/nixvf                  what is remembered of evaluations; it can go at any time

Exit status: 0 success, 1 failure, 2 wrong usage, 128+N ended by signal N.`

type flags struct {
	Flake   string `arg:"" optional:"" default:"." name:"FLAKE#NAME" help:"The flake and the configuration's name (${default})."`
	Query   string `placeholder:"QUERY" help:"Print only what this gjson path finds in the document; build the system only for what depends on that."`
	OutLink string `placeholder:"PATH" help:"Make one more link to the system, here."`
	NoLink  bool   `help:"Make no links in the state directory."`
	NoBuild bool   `help:"Print the settings and build nothing."`
	Strict  bool   `help:"Refuse a configuration that sets options without effect, instead of a warning."`
	Fresh   bool   `help:"Evaluate again, although nothing has changed since the last time."`
	ID      string `name:"id" placeholder:"ID" help:"The id of the VM, which its state goes by."`
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
	ctx, stop := t.WhileRead(ctx)
	defer stop()
	log := nix.Log{Stderr: t.Stderr}
	if f.Verbose {
		log.Trace = func(command string) { t.Say("%s", command) }
	}
	request := eval.Request{
		Flake: f.Flake, ID: f.ID, NoLink: f.NoLink, OutLink: f.OutLink, Options: t.Rest, Strict: f.Strict, Fresh: f.Fresh,
		Host: place.Host{Lookup: os.LookupEnv, Dir: dir}, Log: log,
		Say: func(kind, text string) { t.Say("%s: %s", kind, text) },
	}
	out, err := f.evaluate(ctx, request)
	if err != nil {
		return err
	}
	t.Print(out)
	return nil
}

// evaluate returns what to print.
func (f *flags) evaluate(ctx context.Context, r eval.Request) ([]byte, error) {
	switch {
	case f.NoBuild:
		return f.settings(ctx, r)
	case f.Query != "":
		return eval.Answer(ctx, r, f.Query)
	}
	doc, err := eval.Document(ctx, r)
	if err != nil {
		return nil, err
	}
	return doc.Marshal()
}

// settings returns what is known without a build, or what the query finds in it.
func (f *flags) settings(ctx context.Context, r eval.Request) ([]byte, error) {
	vm, err := eval.Settings(ctx, r)
	if err != nil {
		return nil, err
	}
	out, err := json.MarshalIndent(vm, "", "  ")
	if err != nil || f.Query == "" {
		return append(out, '\n'), err
	}
	return eval.Query(out, f.Query)
}

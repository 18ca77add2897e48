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

const about = `Build a NixOS configuration of a flake and print its boot document: JSON that says how to boot it.

FLAKE is a directory or any other flake reference, such as github:owner/repository. NAME is one of its
nixosConfigurations; it can be left out if there is only one. nixvf-eval never changes the flake.

Arguments after -- are passed to nix. Nix's messages and progress go to stderr.

Examples:

    nixvf-eval .#darwinVM | nixvf-args | nixvf-boot

    nixvf-eval                         the only configuration of the flake in this directory
    nixvf-eval ~/machines#web          a flake in another directory
    nixvf-eval '.#"web.prod"'          a name with a dot
    nixvf-eval . --query kernel        only the kernel's path
    nixvf-eval . --no-build            only the settings; nothing is built
    nixvf-eval . --id second           a second VM of the same configuration
    nixvf-eval . -- --override-input nixpkgs ~/nixpkgs

Environment: NIXVF_ID (the same as --id), XDG_STATE_HOME, XDG_CACHE_HOME, and nix's own variables.

Files:

    ~/.local/state/nixvf/ID/roots   links that protect the VM's system from garbage collection
    ~/.cache/nixvf                  cached evaluations; you can delete them at any time

Exit status: 0 success, 1 failure, 2 wrong usage, 128+N ended by signal N.`

type flags struct {
	Flake   string `arg:"" optional:"" default:"." name:"FLAKE#NAME" help:"The flake and the name of the configuration (default: ${default})."`
	Query   string `placeholder:"QUERY" help:"Print only the part of the document that this gjson path selects. Build the system only if that part depends on it."`
	OutLink string `placeholder:"PATH" help:"Also link the system at PATH, as nix build does."`
	NoLink  bool   `help:"Make no links in the state directory. A garbage collection may then remove the system."`
	NoBuild bool   `help:"Print the VM's settings and build nothing."`
	Strict  bool   `help:"Fail, instead of warning, if the configuration sets options that have no effect."`
	Fresh   bool   `help:"Evaluate again even if nothing has changed since the last time."`
	ID      string `name:"id" placeholder:"ID" help:"Id of the VM; its state directory has this name ($NIXVF_ID)."`
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

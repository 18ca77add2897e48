package eval

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/nixvf/nixvf/pkg/bootdoc"
	"github.com/nixvf/nixvf/pkg/fault"
	"github.com/nixvf/nixvf/pkg/nix"
	"github.com/nixvf/nixvf/pkg/shell"
)

// answer is what the wrapper flake says (package nixos, wrapper.nix).
type answer struct {
	Kind       string   // "system", or why there is none
	Name       string   // of the configuration
	Names      []string // of all configurations, where one has to be chosen
	System     string   // guest platform
	Builder    string   // platform that builds it
	Refusals   []string // why this VM cannot run
	Warnings   []string // what the configuration sets and nixvf does not do
	Hints      []string // what may have been forgotten
	Settings   json.RawMessage
	Toplevel   value
	Additional []value // virtualisation.additionalPaths
}

// value is a string of the Nix language with its context: what it refers to.
type value struct {
	Text    string
	Context map[string]struct {
		Path       bool     // a store path
		AllOutputs bool     // a derivation's file and all that it needs
		Outputs    []string // of a derivation
	}
}

// parseAnswer reads the answer for a flake and the name asked for. An answer
// without a system is an error.
func parseAnswer(data []byte, flake, name string) (*answer, error) {
	var a answer
	if err := json.Unmarshal(data, &a); err != nil {
		return nil, fmt.Errorf("nix eval: %w", err)
	}
	switch a.Kind {
	case "system":
		return &a, a.check()
	case "refused":
		return nil, refused(a.Name, a.Refusals)
	case "none":
		return nil, fmt.Errorf("flake %s has no nixosConfigurations", flake)
	case "missing":
		return nil, fmt.Errorf("flake %s has no configuration %q; it has %s", flake, name, list(a.Names))
	case "several":
		err := fmt.Errorf("flake %s has several configurations: %s", flake, list(a.Names))
		return nil, fault.Hint(err, "name one, as in %s", argument(flake, a.Names[0]))
	case "foreign":
		err := fmt.Errorf("configuration %q is not a NixOS configuration", a.Name)
		return nil, fault.Hint(err, "nixvf needs the result of nixpkgs.lib.nixosSystem, of NixOS 21.11 or newer")
	}
	return nil, fmt.Errorf("nix eval: an answer of kind %q", a.Kind)
}

// refused is the error for a configuration that cannot run: a line for each
// reason.
func refused(name string, reasons []string) error {
	if len(reasons) == 0 {
		return fmt.Errorf("configuration %q is refused", name)
	}
	all := make([]error, len(reasons))
	for i, reason := range reasons {
		all[i] = fmt.Errorf("%s: %s", name, reason)
	}
	return errors.Join(all...)
}

func (a *answer) check() error {
	if len(a.Name) > bootdoc.MaxName {
		return fmt.Errorf("configuration %q: its name is longer than %d bytes", a.Name, bootdoc.MaxName)
	}
	for _, path := range a.Additional {
		if len(path.Context) == 0 && !strings.HasPrefix(path.Text, bootdoc.StoreDir+"/") {
			return fmt.Errorf("additionalPaths: %q is not in the Nix store", path.Text)
		}
	}
	return a.judgeSettings()
}

// argument is the command line's argument for a configuration, quoted for a
// shell where it needs that.
func argument(flake, name string) string {
	arg := flake + "#" + list([]string{name})
	if !strings.ContainsAny(arg, ` "'$`) {
		return arg
	}
	return shell.Word(arg)
}

// list is names for a message, in quotes where they need some.
func list(names []string) string {
	shown := make([]string, len(names))
	for i, name := range names {
		if shown[i] = name; strings.ContainsAny(name, ". \"#") {
			shown[i] = fmt.Sprintf("%q", name)
		}
	}
	return strings.Join(shown, ", ")
}

// system is what has to be built for the system itself.
func (a *answer) system() (nix.Wanted, error) {
	want := wanted(a.Toplevel)
	if len(want.Outputs) != 1 || len(want.Paths) != 0 {
		return want, fmt.Errorf("configuration %q: system.build.toplevel is not a derivation", a.Name)
	}
	return want, nil
}

// wanted is all that values refer to.
func wanted(values ...value) nix.Wanted {
	want := nix.Wanted{Outputs: map[string][]string{}}
	for _, v := range values {
		if len(v.Context) == 0 { // a store path as plain text
			base, _, _ := strings.Cut(strings.TrimPrefix(v.Text, bootdoc.StoreDir+"/"), "/")
			want.Paths = append(want.Paths, bootdoc.StoreDir+"/"+base)
		}
		for path, what := range v.Context {
			if what.Path || what.AllOutputs {
				want.Paths = append(want.Paths, path)
			}
			if len(what.Outputs) > 0 {
				want.Outputs[path] = unique(append(want.Outputs[path], what.Outputs...))
			}
		}
	}
	want.Paths = unique(want.Paths)
	return want
}

// unique sorts list and drops what is in it twice.
func unique(list []string) []string {
	slices.Sort(list)
	return slices.Compact(list)
}

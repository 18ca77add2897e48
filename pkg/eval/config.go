package eval

import (
	"context"
	"path/filepath"
	"strings"

	"github.com/nixvf/nixvf/pkg/nix"
)

// configure gives nix the settings that the flake asks for in its nixConfig, as
// nix would for a flake that is its argument, where nixvf's wrapper is now.
// Those that nix would ask about are left out, and named.
func (e *evaluation) configure(ctx context.Context, flake nix.Flake) error {
	wanted, err := e.nix.FlakeConfig(ctx, flake)
	if err != nil {
		return sentence(err, "cannot read nixConfig of flake %s", e.flake)
	}
	answers := nix.ReadAnswers(e.answersFile())
	var options, left []string
	for _, setting := range wanted {
		if e.settings.AcceptFlakeConfig || answers.Trust(setting) {
			options = append(options, setting.Option()...)
		} else {
			left = append(left, setting.Name)
		}
	}
	e.nix.Options = append(options, e.nix.Options...) // the user's go before the flake's
	if len(left) > 0 && e.Say != nil {
		e.Say(Warning, "nixConfig of flake "+e.flake+" is not trusted and left out: "+strings.Join(left, ", "))
		e.Say(Hint, "`-- --accept-flake-config` trusts it; so does your earlier answer to nix")
	}
	return nil
}

// answersFile is where nix keeps what the user has answered about flakes'
// settings (getDataDir of Nix and Lix).
func (e *evaluation) answersFile() string {
	const name = "trusted-settings.json"
	if dir := e.Host.Env("NIX_DATA_HOME"); dir != "" {
		return filepath.Join(dir, name)
	}
	if dir := e.Host.Env("XDG_DATA_HOME"); dir != "" {
		return filepath.Join(dir, "nix", name)
	}
	return filepath.Join(e.Host.Env("HOME"), ".local/share/nix", name)
}

package nix

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
)

// Settings is what nixvf wants to know of nix.conf and what overrides it.
type Settings struct {
	JSON             []byte   // all of them, as nix prints them
	Store            string   // "auto", "daemon", "ssh-ng://host"
	System           string   // this machine's platform, as in "aarch64-darwin"
	ExtraPlatforms   []string // what this machine builds besides
	Builders         string   // remote builders, or @FILE
	ExternalBuilders []byte   // Determinate Nix's own Linux builder: JSON, empty elsewhere
	Pure             bool     // flakes see nothing but their inputs
	// AcceptFlakeConfig says that nix uses what a flake's nixConfig sets, and does not ask.
	AcceptFlakeConfig bool
	CaseHack          bool // names that differ in case only are mangled in the store (package casehack)
}

// configShow is the first version in which the command has this name (release
// notes of 2.20, and of Lix 2.90).
var configShow = Version{2, 20}

// OnlySettings reports whether the options change nothing but [Settings].
func (n *Nix) OnlySettings() bool { return len(settingsOf(n.Options)) == len(n.Options) }

// Settings asks nix for its settings.
func (n *Nix) Settings(ctx context.Context) (Settings, error) {
	command := []string{"show-config"}
	if n.Version.AtLeast(configShow) {
		command = []string{"config", "show"}
	}
	out, err := n.flakeCommand(ctx, slices.Concat(command, []string{"--json"}, settingsOf(n.Options))...)
	if err != nil {
		return Settings{}, err
	}
	return parseSettings(out)
}

func parseSettings(data []byte) (Settings, error) {
	var all struct {
		Store             struct{ Value string }
		System            struct{ Value string }
		ExtraPlatforms    struct{ Value []string } `json:"extra-platforms"`
		Builders          struct{ Value string }
		ExternalBuilders  struct{ Value json.RawMessage } `json:"external-builders"`
		PureEval          struct{ Value bool }            `json:"pure-eval"`
		AcceptFlakeConfig struct{ Value any }             `json:"accept-flake-config"` // Lix has "ask" besides
		UseCaseHack       struct{ Value bool }            `json:"use-case-hack"`
	}
	if err := json.Unmarshal(data, &all); err != nil {
		return Settings{}, fmt.Errorf("nix's settings: %w", err)
	}
	return Settings{
		JSON: data, Store: all.Store.Value, System: all.System.Value, ExtraPlatforms: all.ExtraPlatforms.Value,
		Builders: all.Builders.Value, ExternalBuilders: all.ExternalBuilders.Value,
		Pure: all.PureEval.Value, AcceptFlakeConfig: all.AcceptFlakeConfig.Value == true,
		CaseHack: all.UseCaseHack.Value,
	}, nil
}

// switches are options without a value: --NAME and --no-NAME.
var switches = []string{"accept-flake-config", "use-case-hack"}

// settingsOf picks the options that change one of [Settings], since
// `nix config show` knows no others.
func settingsOf(options []string) []string {
	names := []string{"store", "system", "extra-platforms", "builders", "external-builders"}
	var picked []string
	for i := 0; i < len(options); i++ {
		name := strings.TrimPrefix(options[i], "--")
		switch rest := options[i:]; {
		case name != options[i] && slices.Contains(switches, strings.TrimPrefix(name, "no-")):
			picked = append(picked, options[i])
		case name == "option" && len(rest) > 2:
			picked = append(picked, rest[:3]...)
			i += 2
		case name != options[i] && slices.Contains(names, name) && len(rest) > 1:
			picked = append(picked, rest[:2]...)
			i++
		}
	}
	return picked
}

// Local reports whether the store's files are this machine's /nix/store. From
// 2.34 on nix writes local?x as local://?x.
func (s Settings) Local() bool {
	name, _, _ := strings.Cut(s.Store, "?")
	return slices.Contains([]string{"", "auto", "daemon", "local", "local://"}, name) && !strings.Contains(s.Store, "root=") ||
		strings.HasPrefix(s.Store, "unix://") && !strings.Contains(s.Store, "root=")
}

// Builds reports whether something here can build for system: this machine, or
// a builder that nix knows of.
func (s Settings) Builds(system string) bool {
	return s.System == system || slices.Contains(s.ExtraPlatforms, system) ||
		machineBuilds(s.Builders, system, s.System) ||
		strings.Contains(string(s.ExternalBuilders), `"`+system+`"`)
}

// machineBuilds reports whether one of the builders builds for system. They are
// separated by line breaks or semicolons, each is a URL and a list of
// platforms ("-": the same as here), and @FILE stands for the builders in a file
// (Nix manual, "Remote Builds").
func machineBuilds(builders, system, here string) bool {
	for _, line := range strings.FieldsFunc(builders, func(r rune) bool { return r == '\n' || r == ';' }) {
		line, _, _ = strings.Cut(line, "#")
		fields := strings.Fields(line)
		if len(fields) == 0 {
			continue
		}
		platforms := here
		if len(fields) > 1 && fields[1] != "-" {
			platforms = fields[1]
		}
		if file, ok := strings.CutPrefix(fields[0], "@"); ok {
			if data, err := os.ReadFile(file); err == nil && fileBuilds(string(data), system, here) {
				return true
			}
		} else if slices.Contains(strings.Split(platforms, ","), system) {
			return true
		}
	}
	return false
}

// fileBuilds is machineBuilds for the lines of a file. Files in files are left
// out, since they could go on for ever.
func fileBuilds(text, system, here string) bool {
	return slices.ContainsFunc(strings.Split(text, "\n"), func(line string) bool {
		return !strings.HasPrefix(strings.TrimSpace(line), "@") && machineBuilds(line, system, here)
	})
}

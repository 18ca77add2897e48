package nix

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
)

// Settings is what nixvf wants to know of nix.conf and what overrides it.
type Settings struct {
	Text             []byte   // all of them, as nix prints them
	Store            string   // "auto", "daemon", "ssh-ng://host"
	System           string   // this machine's platform, as in "aarch64-darwin"
	ExtraPlatforms   []string // what this machine builds besides
	Builders         string   // remote builders, or @FILE
	ExternalBuilders string   // Determinate Nix's own Linux builder: JSON, empty elsewhere
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

// Settings asks nix for its settings, as text: JSON comes with a description of
// each, and takes longer to print and to read than all else that a second start
// does.
func (n *Nix) Settings(ctx context.Context) (Settings, error) {
	command := []string{"show-config"}
	if n.Version.AtLeast(configShow) {
		command = []string{"config", "show"}
	}
	out, err := n.flakeCommand(ctx, slices.Concat(command, settingsOf(n.Options))...)
	if err != nil {
		return Settings{}, err
	}
	return parseSettings(out)
}

// parseSettings reads lines of a name, an equals sign and a value. What begins
// otherwise goes on with the value before it.
func parseSettings(text []byte) (Settings, error) {
	values, name := map[string]string{}, ""
	for line := range strings.SplitSeq(strings.TrimRight(string(text), "\n"), "\n") {
		before, value, ok := strings.Cut(line, " = ")
		if ok && !strings.ContainsFunc(before, notInName) {
			name = before
			values[name] = value
		} else {
			values[name] += "\n" + line
		}
	}
	if values["system"] == "" {
		return Settings{}, fmt.Errorf("nix's settings: no system in %.80q", text)
	}
	for _, name := range []string{"pure-eval", "use-case-hack"} {
		if value := values[name]; value != "" && value != "true" && value != "false" {
			return Settings{}, fmt.Errorf("nix's settings: %s is %q", name, value)
		}
	}
	return Settings{
		Text: text, Store: values["store"], System: values["system"], ExtraPlatforms: strings.Fields(values["extra-platforms"]),
		Builders: values["builders"], ExternalBuilders: values["external-builders"], Pure: values["pure-eval"] == "true",
		AcceptFlakeConfig: values["accept-flake-config"] == "true", // Lix has "ask" besides
		CaseHack:          values["use-case-hack"] == "true",
	}, nil
}

func notInName(r rune) bool { return r != '-' && (r < 'a' || r > 'z') && (r < '0' || r > '9') }

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
		strings.Contains(s.ExternalBuilders, `"`+system+`"`)
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

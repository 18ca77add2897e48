package nix

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/nixvf/nixvf/pkg/cache"
)

// Setting is a setting of nix.conf that a flake asks for in its nixConfig, in
// the words of nix.conf.
type Setting struct{ Name, Value string }

// Option returns the arguments that make nix use the setting.
func (s Setting) Option() []string {
	name := s.Name
	if name == "experimental-features" { // without replacing those that nixvf needs
		name = "extra-experimental-features"
	}
	return []string{"--option", name, s.Value}
}

// harmless are the settings that nix takes from every flake (ConfigFile::apply
// of Nix and Lix). Those that shape a prompt or a commit mean nothing here.
var harmless = []string{
	"bash-prompt", "bash-prompt-prefix", "bash-prompt-suffix", "flake-registry",
	"commit-lock-file-summary", "commit-lockfile-summary",
}

// Answers are the settings that the user has told nix to take or to refuse, as
// nix keeps them in trusted-settings.json: by name, then by value.
type Answers map[string]map[string]bool

// ReadAnswers reads trusted-settings.json. What cannot be read says nothing.
func ReadAnswers(file string) Answers {
	var answers Answers
	if data, err := os.ReadFile(file); err != nil || json.Unmarshal(data, &answers) != nil {
		return nil
	}
	return answers
}

// Trust reports whether nix would use s without a question.
func (a Answers) Trust(s Setting) bool {
	return slices.Contains(harmless, strings.TrimPrefix(s.Name, "extra-")) || a[s.Name][s.Value]
}

// FlakeConfig returns the settings that a flake asks for, by name. Nix itself
// uses those of the flake that is its argument, not of that one's inputs.
func (n *Nix) FlakeConfig(ctx context.Context, flake Flake) ([]Setting, error) {
	file, err := n.flakeFile(ctx, flake)
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(file)
	if err != nil || !bytes.Contains(text, []byte("nixConfig")) {
		return nil, err
	}
	key := cache.NewKey([]byte("nixConfig"), []byte(n.Release), text) // made of literals only
	var out json.RawMessage
	if n.memory.Load(key, &out) {
		return parseFlakeConfig(out)
	}
	out, err = n.flakeCommand(ctx, "eval", "--json", "--file", file, "--apply", "flake: flake.nixConfig or { }")
	if err != nil {
		return nil, err
	}
	settings, err := parseFlakeConfig(out)
	if err == nil {
		n.memory.Store(key, out)
	}
	return settings, err
}

// flakeFile returns the path of flake.nix in the store or, where nix has not
// copied a local flake there, in the flake's own directory.
func (n *Nix) flakeFile(ctx context.Context, flake Flake) (string, error) {
	tree := flake.Path
	if _, err := os.Lstat(tree); errors.Is(err, fs.ErrNotExist) {
		if filepath.IsAbs(flake.Origin) {
			return filepath.Join(flake.Origin, "flake.nix"), nil
		}
		args := []string{"flake", "prefetch", "--json", flake.URL} // always copies
		out, err := n.flakeCommand(ctx, append(args, settingsOf(n.Options)...)...)
		if err != nil {
			return "", err
		}
		var fetched struct{ StorePath string }
		if err := json.Unmarshal(out, &fetched); err != nil || fetched.StorePath == "" {
			return "", fmt.Errorf("nix flake prefetch: no store path in %.80q", out)
		}
		tree = fetched.StorePath
	}
	return filepath.Join(tree, flake.Subdir, "flake.nix"), nil
}

func notSetting(name string) error {
	return fmt.Errorf("nixConfig: %q is no string, number, boolean or list of strings", name)
}

// parseFlakeConfig reads nixConfig: strings, numbers, booleans and lists of
// strings.
func parseFlakeConfig(data []byte) ([]Setting, error) {
	var config map[string]json.RawMessage
	if err := json.Unmarshal(data, &config); err != nil {
		return nil, fmt.Errorf("nixConfig: %w", err)
	}
	var settings []Setting
	for name, raw := range config {
		value := string(raw)
		var text string
		var list []string
		switch {
		case strings.ContainsAny(value[:1], "{n"): // a set, null
			return nil, notSetting(name)
		case json.Unmarshal(raw, &text) == nil:
			value = text
		case json.Unmarshal(raw, &list) == nil:
			value = strings.Join(list, " ")
		case value[0] == '[':
			return nil, notSetting(name)
		}
		settings = append(settings, Setting{name, value})
	}
	slices.SortFunc(settings, func(a, b Setting) int { return strings.Compare(a.Name, b.Name) })
	return settings, nil
}

package eval

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A flake's nixConfig counts as it would for nix itself: when it was agreed to.
func TestFlakeConfig(t *testing.T) {
	realNix(t)
	dir := newFlake(t)
	text, err := os.ReadFile(filepath.Join(dir, "flake.nix"))
	if err != nil {
		t.Fatal(err)
	}
	// Only with this setting is there an answer.
	const config = `{ nixConfig = { extra-experimental-features = [ "fetch-closure" ]; cores = 7; };`
	changed := strings.Replace(string(text), "{", config, 1)
	changed = strings.ReplaceAll(changed, `vm = machine (toplevel "vm")`,
		`vm = machine (toplevel (if builtins ? fetchClosure then "vm" else throw "not set"))`)
	write(t, map[string]string{filepath.Join(dir, "flake.nix"): changed})

	run := func(options ...string) (said string, err error) {
		var stderr, all bytes.Buffer
		r := request(dir, ".#vm", &stderr)
		r.Options = append(r.Options, options...)
		r.Say = func(kind, text string) { all.WriteString(kind + ": " + text + "\n") }
		r.Log.Trace = func(line string) { all.WriteString(line + "\n") }
		_, err = Document(t.Context(), r)
		return all.String(), err
	}
	const left = "warning: nixConfig of flake . is not trusted and left out: cores, extra-experimental-features\n"
	if said, err := run(); err == nil || !strings.Contains(said, left) {
		t.Errorf("without trust: %v\n%s", err, said)
	}
	if said, err := run("--accept-flake-config"); err != nil || strings.Contains(said, "warning") {
		t.Errorf("accepted: %v\n%s", err, said)
	} else if !strings.Contains(said, "--option cores 7") {
		t.Errorf("run without it:\n%s", said)
	}
	if said, err := run("--accept-flake-config"); err != nil || strings.Contains(said, "--file") {
		t.Errorf("the settings of the same flake.nix are read again: %v\n%s", err, said)
	}
	data := t.TempDir()
	t.Setenv("XDG_DATA_HOME", data)
	write(t, map[string]string{filepath.Join(data, "nix/trusted-settings.json"): `{"extra-experimental-features": {"fetch-closure": true}}`})
	if said, err := run(); err != nil || !strings.Contains(said, "left out: cores\n") {
		t.Errorf("answered before: %v\n%s", err, said)
	}
}

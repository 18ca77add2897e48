//go:build linux

package tests

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// What one nixvf-eval remembers is nothing to one with another NixOS module:
// after an update the configuration is evaluated anew.
func TestOtherModule(t *testing.T) {
	needGuest(t)
	dir := t.TempDir()
	changed, overlay, other := filepath.Join(dir, "options.nix"), filepath.Join(dir, "overlay.json"), filepath.Join(dir, "nixvf-eval")
	file, err := filepath.Abs("../pkg/nixos/options.nix")
	if err != nil {
		t.Fatal(err)
	}
	replace, err := json.Marshal(map[string]any{"Replace": map[string]string{file: changed}})
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		changed: read(t, file) + "# changed\n",
		overlay: string(replace),
		filepath.Join(dir, "flake/flake.nix"): `{ outputs = { self }: { nixosConfigurations.vm = builtins.trace "evaluated" { config = {
			nixvf = { };
			system.build.toplevel = derivation { name = "vm"; system = "x86_64-linux"; builder = "/none"; };
		}; }; }; }`,
	} {
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := exec.Command("go", "build", "-overlay", overlay, "-o", other, "../cmd/nixvf-eval").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}

	own := filepath.Join(bin, "nixvf-eval")
	for i, step := range []struct {
		tool      string
		evaluates bool
	}{{own, true}, {own, false}, {other, true}, {other, false}, {own, false}} {
		cmd := exec.Command(step.tool, "path:"+dir+"/flake#vm", "--no-build")
		cmd.Env = append(os.Environ(), "XDG_CACHE_HOME="+dir+"/cache", "XDG_STATE_HOME="+dir+"/state")
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		if err := cmd.Run(); err != nil {
			t.Fatalf("%v\n%s", err, &stderr)
		}
		if evaluates := strings.Contains(stderr.String(), "evaluated"); evaluates != step.evaluates {
			t.Errorf("step %d: evaluates: %t\n%s", i, evaluates, &stderr)
		}
	}
}

package eval

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/nixvf/nixvf/pkg/bootdoc"
	"github.com/nixvf/nixvf/pkg/nix"
	"github.com/nixvf/nixvf/pkg/place"
)

// The tests below run the installed Nix on flakes in the shape of NixOS
// configurations. They need neither network nor a builder: the systems are
// directories of symlinks, made by nix itself.

// flakeText has SYSTEM replaced by this machine's platform.
const flakeText = `{
  inputs.dep = { url = "path:/none"; flake = false; };
  outputs = { self, dep }: let
    derive = name: args: derivation ({ inherit name; system = "SYSTEM"; builder = "/bin/sh"; } // args);
    directory = name: path: derive name {
      builder = "builtin:buildenv";
      derivations = "true 5 1 ${path}";
      manifest = builtins.toFile "manifest" name;
    };
    part = name: path: builtins.path { inherit name path; };
    toplevel = name: directory "nixos-system-${name}" (part "good" ./good);
    machine = toplevel: { config = { nixvf = { }; system.build = { inherit toplevel; }; }; };
    withPaths = name: additionalPaths: { config = (machine (toplevel name)).config // {
      virtualisation = { inherit additionalPaths; };
    }; };
  in {
    inherit dep;
    nixosConfigurations = {
      vm = machine (toplevel "vm");
      "web.prod" = machine (toplevel "web");
      more = withPaths "more" [
        (toplevel "more")
        (toplevel "other")
        "${directory "tool" (part "good" ./good)}/kernel"
        ./flake.nix
        (builtins.toFile "text" "x")
        (builtins.unsafeDiscardStringContext "${builtins.toFile "plain" "y"}")
      ];
      dep = machine (directory "dep" "${builtins.seq (builtins.readFile "${dep}/file") (part "good" ./good)}");
      outside = withPaths "outside" [ "/etc/passwd" ];
      throws = throw "this is why";
      throwsInside = machine (toplevel (throw "this is why"));
      foreign = { config.system.build.toplevel = toplevel "foreign"; };
      fails = machine (derive "fails" { args = [ "-c" "echo this is why >&2; exit 3" ]; });
      riscv = machine (derive "riscv" { system = "riscv64-linux"; });
      slow = machine (derive "slow" { args = [ "-c" "echo started; exec /bin/sleep 60" ]; });
      noBoot = machine (directory "no-boot" (part "empty" ./empty));
      noExtension = machine (directory "no-extension" (part "bare" ./bare));
      string = machine "not a derivation";
    };
  };
}`

// one is a flake with a single configuration.
const one = `{ outputs = { self }: { nixosConfigurations.only = throw "the only one"; }; }`

const bootspec = `"org.nixos.bootspec.v1": {"init": "/nix/store/x/init", "kernel": "KERNEL", "initrd": "KERNEL",
	"kernelParams": ["a", "b=c,d"], "label": "test system", "system": "aarch64-linux", "toplevel": "/nix/store/x"}`

// platform is this machine's, in Nix's words.
func platform() string {
	return map[string]string{"amd64": "x86_64", "arm64": "aarch64"}[runtime.GOARCH] + "-" + runtime.GOOS
}

func write(t *testing.T, files map[string]string) {
	t.Helper()
	for path, text := range files {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// realNix sets up the environment for the installed Nix.
func realNix(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("nix"); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("XDG_CACHE_HOME", home+"/cache")
	t.Setenv("XDG_STATE_HOME", home+"/state")
	t.Setenv("XDG_CONFIG_HOME", home+"/config")
	t.Setenv("NIX_CONFIG", "build-users-group =\nsandbox = false\nsubstituters =\nbuilders =\nflake-registry =\n")
	t.Setenv("NIX_REMOTE", os.Getenv("NIX_REMOTE"))
}

// newFlake makes the flake in a directory of its own and returns that.
func newFlake(t *testing.T) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	flake := filepath.Join(dir, "flake")
	kernel := filepath.Join(dir, "link")
	spec := strings.ReplaceAll(bootspec, "KERNEL", kernel)
	write(t, map[string]string{
		filepath.Join(dir, "bzImage"):          "kernel",
		filepath.Join(flake, "flake.nix"):      strings.ReplaceAll(flakeText, "SYSTEM", platform()),
		filepath.Join(flake, "good/boot.json"): "{" + spec + `, "io.github.nixvf.v1": {"cores": 3, "later": {"x": [1]}}}`,
		filepath.Join(flake, "good/kernel"):    "kernel",
		filepath.Join(flake, "bare/boot.json"): "{" + spec + "}",
		filepath.Join(flake, "empty/file"):     "",
		filepath.Join(dir, "dep/file"):         "",
		filepath.Join(dir, "one/flake.nix"):    one,
		filepath.Join(dir, "none/flake.nix"):   "{ outputs = { self }: { }; }",
	})
	if err := os.Symlink("bzImage", kernel); err != nil {
		t.Fatal(err)
	}
	return flake
}

// request is for arg in the directory dir.
func request(dir, arg string, stderr *bytes.Buffer) Request {
	return Request{
		Flake: arg, Host: place.Host{Lookup: os.LookupEnv, Dir: dir}, Log: nix.Log{Stderr: stderr},
		Options: []string{"--override-input", "dep", filepath.Join(filepath.Dir(dir), "dep")},
	}
}

func evaluate(t *testing.T, r Request) *bootdoc.Document {
	t.Helper()
	doc, err := Document(t.Context(), r)
	if err != nil {
		t.Fatalf("%s: %v\n%s", r.Flake, err, r.Log.Stderr)
	}
	return doc
}

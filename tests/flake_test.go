//go:build linux

package tests

import (
	"encoding/json"
	"errors"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the right vendorHash into packages.nix")

var (
	flakeSystems  = []string{"aarch64-darwin", "aarch64-linux", "x86_64-linux"}
	flakePackages = []string{"default", "nixvf", "nixvf-args", "nixvf-boot", "nixvf-disk", "nixvf-eval"}
)

// flakeDir is a copy of the flake, evaluated against the stand-in nixpkgs.
type flakeDir string

func newFlakeDir(t *testing.T) flakeDir {
	t.Helper()
	needGuest(t)
	dir := t.TempDir()
	copyTo(t, dir, "flake.nix", "flake.lock", "go.mod", "go.sum", "cmd", "pkg", "tests/flake", "tests/nixpkgs/stand-in")
	return flakeDir(dir)
}

// copyTo copies files and directories of the repository into dir.
func copyTo(t *testing.T, dir string, names ...string) {
	t.Helper()
	for _, name := range names {
		from, to := filepath.Join("..", name), filepath.Join(dir, name)
		info, err := os.Stat(from)
		if err == nil && info.IsDir() {
			err = os.CopyFS(to, os.DirFS(from))
		} else if err == nil {
			err = os.WriteFile(to, []byte(read(t, from)), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// nix runs nix and returns its stdout.
func nix(t *testing.T, args ...string) []byte {
	t.Helper()
	cmd := exec.Command("nix", append([]string{"--extra-experimental-features", "nix-command flakes"}, args...)...)
	cmd.Env = append(os.Environ(), "XDG_CACHE_HOME="+t.TempDir())
	out, err := cmd.Output()
	if exit := new(exec.ExitError); errors.As(err, &exit) {
		t.Fatalf("%s: %v\n%s", cmd, err, exit.Stderr)
	} else if err != nil {
		t.Fatal(err)
	}
	return out
}

// standIn are the options with which nix evaluates the flake.
func (f flakeDir) standIn() []string {
	return []string{"--no-write-lock-file", "--override-input", "nixpkgs", "path:" + string(f) + "/tests/nixpkgs/stand-in"}
}

// eval stores the value of apply, a function in the Nix language, of an
// attribute of the flake.
func (f flakeDir) eval(t *testing.T, value any, attribute, apply string) {
	t.Helper()
	args := []string{"eval", "--json", "path:" + string(f) + "#" + attribute, "--apply", apply}
	if err := json.Unmarshal(nix(t, append(args, f.standIn()...)...), value); err != nil {
		t.Fatal(err)
	}
}

func TestFlakeOutputs(t *testing.T) {
	f := newFlakeDir(t)
	nix(t, append([]string{"flake", "check", "--no-build", "path:" + string(f)}, f.standIn()...)...)
	nix(t, append([]string{"flake", "show", "path:" + string(f)}, f.standIn()...)...)

	for output, names := range map[string][]string{
		"packages":  flakePackages,
		"apps":      flakePackages,
		"checks":    {"darwin-module", "default", "go", "module"},
		"devShells": {"default"},
	} {
		var got map[string][]string
		f.eval(t, &got, output, "builtins.mapAttrs (_: builtins.attrNames)")
		for _, system := range flakeSystems {
			if !slices.Equal(got[system], names) {
				t.Errorf("%s.%s: %q, want %q", output, system, got[system], names)
			}
		}
		if len(got) != len(flakeSystems) {
			t.Errorf("%s: %d systems", output, len(got))
		}
	}

	var overlay []string
	f.eval(t, &overlay, "overlays.default", "overlay: builtins.attrNames (overlay { } { })")
	if !slices.Equal(overlay, flakePackages[1:]) {
		t.Errorf("overlay: %q", overlay)
	}
	var module []string
	f.eval(t, &module, "nixosModules.default", "module: map builtins.readFile module.imports")
	if !slices.Equal(module, []string{read(t, "../pkg/nixos/module.nix")}) {
		t.Error("nixosModules.default is not the module that nixvf-eval uses")
	}
	var template string
	f.eval(t, &template, "templates.default", "template: builtins.readFile (template.path + \"/flake.nix\")")
	if !strings.Contains(template, "nixosConfigurations.darwinVM") {
		t.Errorf("template:\n%s", template)
	}
}

// The tools are built from their sources and nothing else, know their version,
// and nixvf-boot finds what runs a VM.
func TestFlakePackages(t *testing.T) {
	f := newFlakeDir(t)
	var sources []string
	f.eval(t, &sources, "packages.x86_64-linux.nixvf-args.tools", "tools: builtins.attrNames (builtins.readDir tools.src)")
	if want := []string{"cmd", "go.mod", "go.sum", "pkg"}; !slices.Equal(sources, want) {
		t.Errorf("source: %q, want %q", sources, want)
	}

	var build struct {
		Version, PostInstall string
		LDFlags, SubPackages []string
	}
	f.eval(t, &build, "packages.x86_64-linux.nixvf-args.tools", "tools: { inherit (tools) version ldflags subPackages postInstall; }")
	out := t.TempDir()
	compile := exec.Command("go", "build", "-o", out+"/bin/", "-ldflags", strings.Join(build.LDFlags, " "))
	for _, sub := range build.SubPackages {
		compile.Args = append(compile.Args, "./"+sub)
	}
	compile.Dir = string(f)
	if out, err := compile.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, name := range flakePackages[2:] {
		version, err := exec.Command(filepath.Join(out, "bin", name), "--version").Output()
		if got, want := strings.TrimSpace(string(version)), name+" "+build.Version; got != want {
			t.Errorf("--version: %q, want %q (%v)", got, want, err)
		}
	}
	installsReference(t, out, build.Version, build.PostInstall)
	for _, name := range flakePackages[2:] {
		f.checkView(t, name, out)
	}
	f.installsWrapperReference(t, out)
	// What is built for another platform has neither pages nor completions.
	if err := os.RemoveAll(filepath.Join(out, "share")); err != nil {
		t.Fatal(err)
	}
	f.checkView(t, "nixvf-args", out)

	for system, programs := range map[string][]string{
		"aarch64-darwin": {"vfkit"},
		"aarch64-linux":  {"qemu_kvm", "virtiofsd"},
		"x86_64-linux":   {"qemu_kvm", "virtiofsd"},
	} {
		var wrap string
		f.eval(t, &wrap, "packages."+system+".nixvf-boot", "package: package.text")
		for _, program := range programs {
			if !strings.Contains(wrap, "-"+program+"/bin") {
				t.Errorf("%s: no %s in %q", system, program, wrap)
			}
		}
	}
}

// installFunctions stand in for those of nixpkgs' installShellFiles.
const installFunctions = `installManPage() { install -D "$1" "$out/share/man/man1/${1##*/}"; }
installShellCompletion() { for shell in bash zsh fish; do install -D $shell "$out/share/$shell/$2"; done; }
`

// installsReference runs what is done in out after the tools are installed.
func installsReference(t *testing.T, out, version, install string) {
	t.Helper()
	cmd := exec.Command("bash", "-euc", installFunctions+install)
	cmd.Dir, cmd.Env = t.TempDir(), append(os.Environ(), "out="+out)
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	for _, name := range flakePackages[2:] {
		for file, want := range map[string]string{
			"man/man1/" + name + ".1": `.TH ` + strings.ToUpper(strings.ReplaceAll(name, "-", `\-`)) + ` 1 "" "nixvf ` + version + `" nixvf`,
			"bash/" + name:            "# Completion of " + name + " for bash, made by " + name + " --generate bash",
			"zsh/" + name:             "#compdef " + name,
			"fish/" + name:            "# Completion of " + name + " for fish, made by " + name + " --generate fish",
		} {
			if line, _, _ := strings.Cut(read(t, filepath.Join(out, "share", file)), "\n"); line != want {
				t.Errorf("%s: %q, want %q", file, line, want)
			}
		}
	}
}

// installsWrapperReference makes what the package nixvf has beside its program, of what is in tools.
func (f flakeDir) installsWrapperReference(t *testing.T, tools string) {
	t.Helper()
	var reference struct{ Text, Tools string }
	f.eval(t, &reference, "packages.x86_64-linux", `packages: {
		inherit (builtins.elemAt packages.nixvf.paths 1) text;
		tools = packages.nixvf-boot.tools.outPath;
	}`)
	out := t.TempDir()
	cmd := exec.Command("bash", "-euo", "pipefail", "-c", installFunctions+strings.ReplaceAll(reference.Text, reference.Tools, tools))
	cmd.Dir, cmd.Env = t.TempDir(), append(os.Environ(), "out="+out)
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	if got := read(t, filepath.Join(out, "share/man/man1/nixvf.1")); got != read(t, "../pkg/flake/nixvf.1") {
		t.Errorf("the page is %q", got)
	}
	for _, shell := range []string{"bash", "zsh", "fish"} {
		if got := read(t, filepath.Join(out, "share", shell, "nixvf")); got != wrapperCompletion(t, shell) {
			t.Errorf("completion for %s:\n%s", shell, got)
		}
	}
}

// checkView makes the package of one tool of what is in tools.
func (f flakeDir) checkView(t *testing.T, name, tools string) {
	t.Helper()
	var view struct{ Text, Tools string }
	f.eval(t, &view, "packages.x86_64-linux."+name, "package: { inherit (package) text; tools = package.tools.outPath; }")
	out := t.TempDir()
	cmd := exec.Command("bash", "-euo", "pipefail", "-c", `wrapProgram() { echo "$@" >"$1.wrapped"; }
`+strings.ReplaceAll(view.Text, view.Tools, tools))
	cmd.Env = append(os.Environ(), "out="+out)
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v: %s", name, err, text)
	}
	want := []string{"bin/" + name}
	if _, err := os.Stat(filepath.Join(tools, "share")); err == nil {
		want = append(want, "share/bash/"+name, "share/fish/"+name, "share/man/man1/"+name+".1", "share/zsh/"+name)
	}
	if name == "nixvf-boot" {
		want = slices.Insert(want, 1, "bin/nixvf-boot.wrapped")
	}
	var got []string
	for _, dir := range []string{"bin", "share/bash", "share/fish", "share/man/man1", "share/zsh"} {
		files, err := filepath.Glob(filepath.Join(out, dir, "*"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			got = append(got, strings.TrimPrefix(file, out+"/"))
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("%s holds %q, want %q", name, got, want)
	}
}

// What the wrapper hands to which tool, with tools that print their arguments.
func TestFlakeWrapper(t *testing.T) {
	f := newFlakeDir(t)
	var script string
	f.eval(t, &script, "packages.x86_64-linux.nixvf", "package: (builtins.head package.paths).text")
	dir := t.TempDir()
	for name, text := range map[string]string{
		"nixvf-eval": `echo "eval:$(printf ' <%s>' "$@")${NIXVF_ID+ id $NIXVF_ID}"`,
		"nixvf-args": `cat; echo "args:$(printf ' <%s>' "$@")"`,
		"nixvf-boot": `cat; echo "boot: $*"; exit 7`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/bash\n"+text+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}

	const usage = 2
	for _, test := range []struct {
		args   []string
		status int
		eval   string
		flags  string
	}{
		{[]string{".#a b"}, 7, "<.#a b>", "<>"},
		{[]string{".", "--memory", "4 G"}, 7, "<.>", "<--memory> <4 G>"},
		{[]string{".", "--", "--refresh", "x y"}, 7, "<.> <--> <--refresh> <x y>", "<>"},
		{[]string{".", "--gui", "--", "--a", "--", "b"}, 7, "<.> <--> <--a> <--> <b>", "<--gui>"},
		{[]string{".", "--id", "a b", "--gui"}, 7, "<.> id a b", "<--gui>"},
		{[]string{".", "--id=b", "--", "--id", "c"}, 7, "<.> <--> <--id> <c> id b", "<>"},
		{[]string{".", "--ephemeral", "--gui"}, 7, "<--no-link> <.>", "<--ephemeral> <--gui>"},
		{[]string{".", "--id"}, 7, "<.>", "<--id>"},
		{[]string{"switch", ".#a b", "-n"}, 7, "<.#a b>", "switch -n"},
		{[]string{"switch", ".", "--id", "b", "--", "--refresh", "x y"}, 7, "<.> <--> <--refresh> <x y> id b", "switch"},
		{[]string{"switch"}, usage, "", ""},
		{[]string{"switch", "-n"}, usage, "", ""},
		{[]string{"--help"}, 0, "", ""},
		{[]string{"--memory", "4G", "."}, usage, "", ""},
		{[]string{"--", "."}, usage, "", ""},
		{nil, usage, "", ""},
	} {
		cmd := exec.Command("bash", append([]string{"-euo", "pipefail", "-c", script, "nixvf"}, test.args...)...)
		cmd.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"))
		out, err := cmd.Output()
		if status := cmd.ProcessState.ExitCode(); status != test.status {
			t.Errorf("%q: status %d, want %d (%v)", test.args, status, test.status, err)
		}
		lines := strings.Split(string(out), "\n")
		if test.eval == "" {
			if strings.Contains(string(out), "eval:") {
				t.Errorf("%q starts something: %q", test.args, out)
			}
		} else if want := wrapped(test.eval, test.flags); !slices.Equal(lines[:2], want) {
			t.Errorf("%q: %q, want %q", test.args, lines, want)
		}
	}
}

// wrapped is what the tools print: nixvf-args is none of a switch's.
func wrapped(eval, flags string) []string {
	if strings.HasPrefix(flags, "switch") {
		return []string{"eval: " + eval, "boot: " + flags}
	}
	return []string{"eval: " + eval, "args: " + flags}
}

// TestFlakeWrapperCommands: the wrapper knows each command of nixvf-boot.
func TestFlakeWrapperCommands(t *testing.T) {
	f := newFlakeDir(t)
	var script string
	f.eval(t, &script, "packages.x86_64-linux.nixvf", "package: (builtins.head package.paths).text")
	dir := t.TempDir()
	boot := filepath.Join(bin, "nixvf-boot")
	help, err := exec.Command(boot, "--help").Output()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "nixvf-boot"), []byte("#!/bin/bash\necho \"$@\"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	_, commands, _ := strings.Cut(string(help), "\nCommands:\n")
	found := regexp.MustCompile(`(?m)^  ([a-z-]+) .*\[flags\]$`).FindAllStringSubmatch(commands, -1)
	if len(found) < 5 {
		t.Fatalf("commands: %q", commands)
	}
	for _, command := range found {
		if command[1] == "boot" || command[1] == "switch" { // these have a document on stdin
			continue
		}
		cmd := exec.Command("bash", "-euo", "pipefail", "-c", script, "nixvf", command[1], "a b")
		cmd.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"))
		if out, err := cmd.Output(); err != nil || string(out) != command[1]+" a b\n" {
			t.Errorf("%s: %q, %v", command[1], out, err)
		}
	}
}

// A VM is an agent of the user. It is no daemon: the check declares
// launchd.user.agents and no other option that the module could set.
func TestFlakeDarwinModule(t *testing.T) {
	f := newFlakeDir(t)
	var text string
	f.eval(t, &text, "checks.aarch64-darwin.darwin-module", "check: check.text")
	var agents map[string]struct {
		ServiceConfig struct {
			ProgramArguments     []string
			ProcessType          string
			EnvironmentVariables map[string]string
		}
	}
	if err := json.Unmarshal([]byte(text), &agents); err != nil {
		t.Fatal(err)
	}
	agent := agents["nixvf-demo"].ServiceConfig
	environment := agent.EnvironmentVariables
	if len(agents) != 1 || agent.ProcessType != "Interactive" || environment["NIXVF_ID"] != "demo" ||
		!strings.Contains(environment["PATH"], "/nix/var/nix/profiles/default/bin:") {
		t.Errorf("agents: %s", text)
	}
	args := agent.ProgramArguments
	if len(args) < 5 || args[0] != "/bin/sh" || !strings.HasPrefix(args[2], "/bin/wait4path /nix/store && exec ") ||
		!strings.HasSuffix(args[4], "/bin/nixvf") {
		t.Fatalf("arguments: %q", args)
	}
	want := []string{"/machines#darwinVM", "--console", "$NIXVF_STATE/console.log", "--memory", "4G", "--", "--refresh"}
	if !slices.Equal(args[5:], want) {
		t.Errorf("arguments of nixvf: %q, want %q", args[5:], want)
	}
}

// The lock file belongs to flake.nix: nix would change nothing.
func TestFlakeLock(t *testing.T) {
	f := newFlakeDir(t)
	var flake struct {
		Locks struct {
			Nodes map[string]struct {
				Locked struct{ Rev, NarHash string }
			}
		}
	}
	out := nix(t, "flake", "metadata", "--json", "--no-update-lock-file", "path:"+string(f))
	if err := json.Unmarshal(out, &flake); err != nil {
		t.Fatal(err)
	}
	locked := flake.Locks.Nodes["nixpkgs"].Locked
	if !regexp.MustCompile(`^[0-9a-f]{40}$`).MatchString(locked.Rev) ||
		!regexp.MustCompile(`^sha256-.{43}=$`).MatchString(locked.NarHash) {
		t.Errorf("nixpkgs is locked to %+v", locked)
	}
}

// The actions of the workflows are pinned to a commit, with its version beside it.
func TestFlakeWorkflows(t *testing.T) {
	files, err := filepath.Glob("../.github/workflows/*.yml")
	if err != nil || len(files) == 0 {
		t.Fatal("no workflows", err)
	}
	pinned := regexp.MustCompile(`^[\w/.-]+@[0-9a-f]{40} # v[0-9.]+$`)
	for _, file := range files {
		for _, line := range strings.Split(read(t, file), "\n") {
			if _, action, found := strings.Cut(line, "uses: "); found && !pinned.MatchString(action) {
				t.Errorf("%s: not pinned: %s", file, action)
			}
		}
	}
}

// nixpkgs has the Go that go.mod asks for only while that is not newer.
func TestFlakeGoVersion(t *testing.T) {
	if !strings.Contains(read(t, "../go.mod"), "\ngo 1.25.0\n") {
		t.Error("go.mod does not say go 1.25.0")
	}
}

var vendorHash = regexp.MustCompile(`vendorHash = "([^"]*)"`)

// The hash of what buildGoModule vendors: nixpkgs runs go mod vendor in the
// source and keeps the directory as it is. With -update, packages.nix is put right.
func TestVendorHash(t *testing.T) {
	if _, err := exec.LookPath("nix"); err != nil {
		needGuest(t)
	}
	dir := t.TempDir()
	copyTo(t, dir, "go.mod", "go.sum", "cmd", "pkg")
	vendor := exec.Command("go", "mod", "vendor")
	vendor.Dir = dir
	vendor.Env = append(os.Environ(), "GOFLAGS=", "GOWORK=off")
	if out, err := vendor.CombinedOutput(); err != nil {
		t.Fatalf("go mod vendor: %v\n%s", err, out)
	}
	want := strings.TrimSpace(string(nix(t, "hash", "path", "--type", "sha256", filepath.Join(dir, "vendor"))))

	text := read(t, "../pkg/flake/packages.nix")
	got := vendorHash.FindAllStringSubmatch(text, -1)
	switch {
	case len(got) != 1:
		t.Fatalf("packages.nix has %d vendorHashes", len(got))
	case got[0][1] == want:
	case *update:
		text = strings.Replace(text, got[0][1], want, 1)
		if err := os.WriteFile("../pkg/flake/packages.nix", []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		t.Logf("vendorHash is %s now", want)
	default:
		t.Errorf("vendorHash is %s, and must be\n\t%s\ngo test ./tests -run VendorHash -update writes it", got[0][1], want)
	}
}

package eval

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nixvf/nixvf/pkg/bootdoc"
	"github.com/nixvf/nixvf/pkg/fault"
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

func TestDocument(t *testing.T) {
	realNix(t)
	dir := newFlake(t)
	var stderr bytes.Buffer
	doc := evaluate(t, request(dir, ".#vm", &stderr))
	kernel := filepath.Join(filepath.Dir(dir), "bzImage")
	if doc.Version != 1 || doc.Name != "vm" || doc.System != "aarch64-linux" || doc.Label != "test system" ||
		doc.Kernel != kernel || doc.Initrd != kernel || doc.Init != "/nix/store/x/init" ||
		!slices.Equal(doc.KernelParams, []string{"a", "b=c,d"}) || doc.Virtualisation.Cores != 3 ||
		!strings.HasSuffix(doc.Toplevel, "-nixos-system-vm") || doc.ID != place.ID(dir, "vm") {
		t.Errorf("%+v", doc)
	}
	store := strings.TrimSuffix(doc.RegInfo, "/registration")
	if !slices.Equal(doc.Roots, []string{doc.Toplevel, store}) || !strings.HasSuffix(store, "-nixvf-registration") {
		t.Errorf("roots %q, regInfo %q", doc.Roots, doc.RegInfo)
	}
	text, err := doc.Marshal()
	if err != nil || !strings.Contains(string(text), `"later": {`) {
		t.Errorf("unknown keys are lost: %v\n%s", err, text)
	}
	again, err := evaluate(t, request(dir, ".#nixosConfigurations.vm", &stderr)).Marshal()
	if err != nil || !bytes.Equal(text, again) {
		t.Errorf("the second evaluation says something else: %v\n%s", err, again)
	}
	links := roots(t, doc.ID)
	if want := map[string]string{"system": doc.Toplevel, "registration": store}; !equal(links, want) {
		t.Errorf("links %q, want %q", links, want)
	}
	left, err := os.ReadDir(filepath.Join(os.Getenv("XDG_CACHE_HOME"), "nixvf/tmp"))
	if err != nil || len(left) != 0 {
		t.Errorf("left in the cache: %v, %v", left, err)
	}
	if lock, err := os.Stat(filepath.Join(dir, "flake.lock")); err == nil {
		t.Errorf("the flake was changed: %v", lock.Name())
	}
}

func equal(a, b map[string]string) bool {
	if len(a) != len(b) {
		return false
	}
	for k, v := range a {
		if b[k] != v {
			return false
		}
	}
	return true
}

// roots returns the links of a VM and what they lead to.
func roots(t *testing.T, id string) map[string]string {
	t.Helper()
	dir := filepath.Join(os.Getenv("XDG_STATE_HOME"), "nixvf", id, "roots")
	info, err := os.Stat(dir)
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Fatalf("%v, %v", info, err)
	}
	links := map[string]string{}
	entries, err := os.ReadDir(dir)
	for _, entry := range entries {
		links[entry.Name()], err = os.Readlink(filepath.Join(dir, entry.Name()))
	}
	if err != nil {
		t.Fatal(err)
	}
	return links
}

// Whatever kind of value names an additional path, it is built, registered and
// a root; and when it is dropped, so is its link.
func TestAdditionalPaths(t *testing.T) {
	realNix(t)
	dir := newFlake(t)
	var stderr bytes.Buffer
	doc := evaluate(t, request(dir, ".#more", &stderr))
	for _, name := range []string{"-nixos-system-more", "-nixvf-registration", "-nixos-system-other", "-tool", "-flake.nix", "-text", "-plain"} {
		if !slices.ContainsFunc(doc.Roots, func(r string) bool { return strings.HasSuffix(r, name) }) {
			t.Errorf("no root for %s: %q", name, doc.Roots)
		}
	}
	if len(doc.Roots) != 7 {
		t.Errorf("roots %q", doc.Roots)
	}
	links := roots(t, doc.ID)
	for _, root := range doc.Roots {
		found := false
		for _, target := range links {
			found = found || target == root
		}
		if !found {
			t.Errorf("no link to %s: %q", root, links)
		}
	}
	checkRegistration(t, doc)

	text := strings.Replace(flakeText, "SYSTEM", platform(), 1)
	text = strings.Replace(text, `(toplevel "other")`, "", 1)
	write(t, map[string]string{filepath.Join(dir, "flake.nix"): text})
	doc = evaluate(t, request(dir, ".#more", &stderr))
	for name, target := range roots(t, doc.ID) {
		if !slices.Contains(doc.Roots, target) {
			t.Errorf("the link %s to %s is left", name, target)
		}
	}
}

// checkRegistration loads the registration into a Nix database of its own, which
// must then know the closure of each root but the registration itself.
func checkRegistration(t *testing.T, doc *bootdoc.Document) {
	t.Helper()
	data, err := os.Open(doc.RegInfo)
	if err != nil {
		t.Fatal(err)
	}
	defer data.Close()
	env := append(os.Environ(), "NIX_STATE_DIR="+t.TempDir(), "NIX_REMOTE=local")
	load := exec.Command("nix-store", "--load-db")
	load.Env, load.Stdin = env, data
	if out, err := load.CombinedOutput(); err != nil {
		t.Fatalf("load-db: %v\n%s", err, out)
	}
	paths := slices.DeleteFunc(slices.Clone(doc.Roots), func(p string) bool { return strings.HasPrefix(doc.RegInfo, p) })
	closures := map[string]string{}
	for where, e := range map[string][]string{"guest": env, "host": os.Environ()} {
		query := exec.Command("nix-store", append([]string{"-qR"}, paths...)...)
		query.Env = e
		out, err := query.Output()
		if err != nil {
			t.Errorf("%s: %v", where, err)
		}
		lines := strings.Fields(string(out))
		slices.Sort(lines)
		closures[where] = strings.Join(lines, "\n")
	}
	if closures["guest"] != closures["host"] || closures["guest"] == "" {
		t.Errorf("the closure in the guest:\n%s\non the host:\n%s", closures["guest"], closures["host"])
	}
}

// One directory is one VM, whichever way it is named, in git or not.
func TestSameFlakeSameID(t *testing.T) {
	realNix(t)
	dir := newFlake(t)
	base := filepath.Dir(dir)
	if err := os.Symlink(dir, filepath.Join(base, "alias")); err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	want := place.ID(dir, "vm")
	check := func(how, workdir, arg string) {
		t.Helper()
		r := request(dir, arg, &stderr)
		r.Host.Dir = workdir
		if doc := evaluate(t, r); doc.ID != want {
			t.Errorf("%s: id %s, want %s", how, doc.ID, want)
		}
	}
	check("absolute", "/", dir+"#vm")
	check("through a link", base, "./alias#vm")
	check("working directory through a link", filepath.Join(base, "alias"), "#vm")
	check("path:", dir, "path:.#vm")
	check("below", filepath.Join(dir, "good"), ".#vm")
	git := func(args ...string) {
		t.Helper()
		args = append([]string{"-C", dir, "-c", "user.name=n", "-c", "user.email=e@example.org"}, args...)
		if out, err := exec.Command("git", args...).CombinedOutput(); err != nil {
			t.Fatalf("git %q: %v\n%s", args, err, out)
		}
	}
	git("init", "-q")
	git("add", ".")
	check("not yet committed", dir, ".#vm")
	git("commit", "-qm", "x")
	check("clean", dir, ".#vm")
	write(t, map[string]string{filepath.Join(dir, "good/kernel"): "changed"})
	check("dirty", dir, ".#vm")
}

func TestIDAndLinks(t *testing.T) {
	realNix(t)
	dir := newFlake(t)
	var stderr bytes.Buffer
	r := request(dir, `.#"web.prod"`, &stderr)
	r.NoLink, r.OutLink, r.ID = true, "result", "second"
	doc := evaluate(t, r)
	if doc.ID != "second" || doc.Name != "web.prod" {
		t.Errorf("id %q, name %q", doc.ID, doc.Name)
	}
	if target, err := os.Readlink(filepath.Join(dir, "result")); target != doc.Toplevel {
		t.Errorf("--out-link: %q, %v", target, err)
	}
	if _, err := os.Stat(os.Getenv("XDG_STATE_HOME")); err == nil {
		t.Error("--no-link: there is state")
	}
	evaluate(t, r) // replaces the link
}

// Options about inputs are about those of the user's flake.
func TestOptions(t *testing.T) {
	realNix(t)
	dir := newFlake(t)
	var stderr bytes.Buffer
	r := request(dir, ".#dep", &stderr)
	evaluate(t, r)
	r.Options = append(r.Options, "--no-such-option")
	if _, err := Document(t.Context(), r); err == nil || err.Error() != "cannot read flake ." {
		t.Errorf("an option that nix does not know: %v", err)
	}
}

// Every failure is a line of ours, below what nix has to say.
func TestFailures(t *testing.T) {
	realNix(t)
	dir := newFlake(t)
	tests := []struct {
		arg      string
		line     string
		hint     string // "" for none
		explains string // on stderr, by nix
	}{
		{".", `flake . has several configurations: dep, fails, foreign,`, "name one, as in .#dep", ""},
		{".#nope", `flake . has no configuration "nope"; it has dep, fails,`, "", ""},
		{"../none", "flake ../none has no nixosConfigurations", "", ""},
		{"../none#vm", "flake ../none has no nixosConfigurations", "", ""},
		{"../one", "cannot evaluate flake ../one", "", "the only one"},
		{"..", "no flake.nix in ", "", ""},
		{"./nowhere", `no such directory: "./nowhere"`, "", ""},
		{"./flake.nix", `"./flake.nix" is not a directory`, "", ""},
		{"good", "cannot read flake good", "the directory is ./good", "error"},
		{".#foreign", `configuration "foreign" is not a NixOS configuration`, "lib.nixosSystem", ""},
		{".#throws", `cannot evaluate configuration "throws" of flake .`, "", "this is why"},
		{".#throwsInside", `cannot evaluate configuration "throwsInside" of flake .`, "", "this is why"},
		{".#string", `cannot evaluate configuration "string" of flake .`, "", "system"},
		{".#outside", `additionalPaths: "/etc/passwd" is not in the Nix store`, "", ""},
		{".#fails", "build of fails failed", "", "this is why"},
		{".#riscv", "build of riscv failed: this machine (" + platform() + ") builds nothing for riscv64-linux", "riscv64-linux machine in /etc/nix/machines", "riscv64-linux"},
		{".#noBoot", "-no-boot/boot.json: no such file", "isContainer", ""},
		{".#noExtension", `-no-extension/boot.json: "io.github.nixvf.v1": missing`, "nixvf's NixOS module", ""},
	}
	for _, tt := range tests {
		var stderr bytes.Buffer
		doc, err := Document(t.Context(), request(dir, tt.arg, &stderr))
		lines, hints := fault.Lines(err), strings.Join(fault.Hints(err), "\n")
		if doc != nil || len(lines) != 1 || !strings.Contains(lines[0], tt.line) || strings.Contains(lines[0], "\n") {
			t.Errorf("%s: %q, want %q\n%s", tt.arg, lines, tt.line, &stderr)
		}
		if !strings.Contains(hints, tt.hint) || (hints == "") != (tt.hint == "") {
			t.Errorf("%s: hint %q, want %q", tt.arg, hints, tt.hint)
		}
		if !strings.Contains(stderr.String(), tt.explains) {
			t.Errorf("%s: nix said\n%s\nwithout %q", tt.arg, &stderr, tt.explains)
		}
		if code := fault.Code(err); code != 1 {
			t.Errorf("%s: exit status %d", tt.arg, code)
		}
	}
}

// What can be known before nix evaluates anything is said before.
func TestRefusals(t *testing.T) {
	realNix(t)
	dir := newFlake(t)
	write(t, map[string]string{filepath.Join(dir, "precious"): "x"})
	tests := []struct {
		name   string
		change func(*Request)
		line   string
	}{
		{"occupied link", func(r *Request) { r.OutLink = "precious" }, `--out-link: "` + dir + `/precious" is there and is no link into the Nix store`},
		{"link nowhere", func(r *Request) { r.OutLink = "x/y" }, `no such directory: "` + dir + `/x"`},
		{"store option", func(r *Request) { r.Options = []string{"--store", "ssh-ng://host"} }, "nix's store is ssh-ng://host"},
		{"store setting", func(r *Request) { r.Options = []string{"--option", "store", "/tmp/x"} }, "nix's store is /tmp/x"},
		{"store environment", func(*Request) { t.Setenv("NIX_REMOTE", "ssh://host") }, "nix's store is ssh://host"},
	}
	for _, tt := range tests {
		var stderr bytes.Buffer
		r := request(dir, ".#vm", &stderr)
		tt.change(&r)
		if _, err := Document(t.Context(), r); err == nil || !strings.Contains(err.Error(), tt.line) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.line)
		}
	}
	if text, err := os.ReadFile(filepath.Join(dir, "precious")); string(text) != "x" {
		t.Errorf("%q, %v", text, err)
	}
}

// An interrupted evaluation ends at once, with nix and what it builds.
func TestInterrupted(t *testing.T) {
	realNix(t)
	dir := newFlake(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("the cause")
	var stderr watched
	stderr.text, stderr.found = "slow.drv'...", func() { time.AfterFunc(200*time.Millisecond, func() { cancel(cause) }) }
	r := request(dir, ".#slow", nil)
	r.Log.Stderr = &stderr
	start := time.Now()
	if _, err := Document(ctx, r); !errors.Is(err, cause) {
		t.Errorf("%v\n%s", err, stderr.all)
	}
	if took := time.Since(start); took > 8*time.Second {
		t.Errorf("took %v", took)
	}
}

// watched calls found when text was written to it.
type watched struct {
	text  string
	found func()
	all   []byte
}

func (w *watched) Write(p []byte) (int, error) {
	w.all = append(w.all, p...)
	if w.found != nil && bytes.Contains(w.all, []byte(w.text)) {
		w.found()
		w.found = nil
	}
	return len(p), nil
}

func TestQuery(t *testing.T) {
	doc := &bootdoc.Document{Version: 1, Name: "vm", KernelParams: []string{"a b"}, Virtualisation: bootdoc.Defaults("vm")}
	for path, want := range map[string]string{
		"name":                      "vm\n",
		"version":                   "1\n",
		"kernel-params.0":           "a b\n",
		"kernel-params.#":           "1\n",
		"virtualisation.resolution": `{"x":1024,"y":768}` + "\n",
		"virtualisation.graphics":   "false\n",
	} {
		if got, err := Query(doc, path); string(got) != want || err != nil {
			t.Errorf("%s: %q, %v; want %q", path, got, err, want)
		}
	}
	for _, path := range []string{"nope", "name.x", "kernel-params.7", ""} {
		if got, err := Query(doc, path); err == nil {
			t.Errorf("%q: %q, no error", path, got)
		}
	}
}

// What a killed run left in the cache goes; what a running one has there stays.
func TestSweep(t *testing.T) {
	cache := t.TempDir()
	host := place.Host{Dir: "/", Lookup: func(name string) (string, bool) { return cache, name == "XDG_CACHE_HOME" }}
	write(t, map[string]string{filepath.Join(cache, "nixvf/tmp/eval-1/x/y"): ""})
	first := &evaluation{Request: Request{Host: host}}
	closeFirst, err := first.openCache()
	if err != nil {
		t.Fatal(err)
	}
	second := &evaluation{Request: Request{Host: host}}
	closeSecond, err := second.openCache()
	if err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(filepath.Dir(first.temp))
	if err != nil || len(entries) != 2 || first.temp == second.temp {
		t.Errorf("%v, %v", entries, err)
	}
	closeFirst()
	closeSecond()
	if entries, err = os.ReadDir(filepath.Dir(first.temp)); len(entries) != 0 {
		t.Errorf("left: %v, %v", entries, err)
	}
}

package eval

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/nixvf/nixvf/pkg/bootdoc"
	"github.com/nixvf/nixvf/pkg/place"
)

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
	checkRegistration(t, doc)
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
	runGit(t, dir, "init", "-q")
	runGit(t, dir, "add", ".")
	check("not yet committed", dir, ".#vm")
	runGit(t, dir, "commit", "-qm", "x")
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

func TestQuery(t *testing.T) {
	doc, err := (&bootdoc.Document{Version: 1, Name: "vm", KernelParams: []string{"a b"}, Virtualisation: bootdoc.Defaults("vm")}).Marshal()
	if err != nil {
		t.Fatal(err)
	}
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
	write(t, map[string]string{filepath.Join(cache, "nixvf/tmp/eval-1/x/y"): ""})
	first := &evaluation{cache: filepath.Join(cache, "nixvf")}
	second := &evaluation{cache: filepath.Join(cache, "nixvf")}
	if err := errors.Join(first.openTemp(), second.openTemp()); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(filepath.Dir(first.temp))
	if err != nil || len(entries) != 2 || first.temp == second.temp {
		t.Errorf("%v, %v", entries, err)
	}
	first.closeTemp()
	second.closeTemp()
	if entries, err = os.ReadDir(filepath.Dir(first.temp)); len(entries) != 0 {
		t.Errorf("left: %v, %v", entries, err)
	}
}

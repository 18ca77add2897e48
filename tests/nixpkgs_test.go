//go:build linux

package tests

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/nixvf/nixvf/pkg/bootdoc"
	"github.com/nixvf/nixvf/pkg/storeimage"
)

// inspection is what the module makes of a configuration (nixpkgs/wrapper.nix).
type inspection struct {
	Settings               map[string]any
	Refusals               []string
	Warnings               []string
	Hints                  []string
	Unknown                []string
	KernelParams           []string
	AvailableKernelModules []string
	KernelModules          []string
	BootJSON               map[string]any `json:"bootJson"`
	StoreLayer             string         `json:"storeLayer,omitempty"` // what stage 1 runs for the store
	FileSystems            []fileSystem   // in the order of mounting
	Failed                 []string       `json:",omitempty"` // assertions
}

type fileSystem struct {
	MountPoint string
	Device     string
	FsType     string
	Options    []string
}

// at returns the file system with a mount point, and whether there is one.
func (s inspection) at(mountPoint string) (fileSystem, bool) {
	i := slices.IndexFunc(s.FileSystems, func(fs fileSystem) bool { return fs.MountPoint == mountPoint })
	if i < 0 {
		return fileSystem{}, false
	}
	return s.FileSystems[i], true
}

// refusedSamples are the configurations that must be refused, and what each
// sentence names.
var refusedSamples = map[string][]string{
	"useBootLoader": {"virtualisation.useBootLoader"},
	"noHostStore":   {"virtualisation.mountHostNixStore"},
	"noDirectBoot":  {"virtualisation.directBoot.enable"},
	"tpm":           {"virtualisation.tpm.enable"},
	"ownDisks":      {"virtualisation.fileSystems"},
	"container":     {"boot.isContainer"},
	"noStage1":      {"boot.initrd.enable"},
	"wsl":           {"boot.kernel.enable", "boot.initrd.enable"},
	"noVM":          {"disabledModules"},
	"twoRefusals":   {"virtualisation.tpm.enable", "virtualisation.useBootLoader"},

	"topLevelRefused": {"virtualisation.tpm.enable", "virtualisation.useBootLoader"},
}

// badSettings are the configurations whose settings nixvf-args would not take.
var badSettings = map[string][]string{
	"badDrive":  {"virtualisation.qemu.drives: file: "},
	"badSerial": {"virtualisation.qemu.drives[0].deviceExtraOpts.serial: "},
}

// TestModule evaluates the sample configurations through nixvf-eval's own
// wrapper flake.
func TestModule(t *testing.T) {
	onEach(t, func(t *testing.T, s samples) {
		all := ofEach[inspection](t, s, "[^-]*", `f: name: let c = f.config name; in (if builtins.match "noVM-.*" name != null then
			{ inherit (c.nixvf) refusals; }
		else
			f.inspect name) // { failed = map (a: a.message) (builtins.filter (a: !a.assertion) c.assertions); }`)
		if len(all) < 50*len(s.releases) {
			t.Fatalf("%d samples", len(all))
		}
		for name, sample := range all {
			t.Run(name, func(t *testing.T) { checkSample(t, strings.Split(name, "-")[0], sample) })
		}
		if s.real() {
			checkStandIn(t, s.nixpkgs, all)
		} else {
			golden(t, "nixpkgs/golden.json", all)
		}
	})
}

// checkStandIn compares what a real nixpkgs makes of the golden samples' file
// systems and settings with what the stand-in does.
func checkStandIn(t *testing.T, nixpkgs string, samples map[string]inspection) {
	t.Helper()
	release := standInFor(t, string(nix(t, "eval", "--raw", nixpkgs+"#lib.trivial.release")))
	var want map[string]inspection
	if err := json.Unmarshal([]byte(read(t, "nixpkgs/golden.json")), &want); err != nil {
		t.Fatal(err)
	}
	for _, name := range goldenSamples {
		golden, found := want[name+"-"+release]
		if !found {
			t.Logf("the stand-in has no release %s", release)
			return
		}
		real := samples[name+"-26.05"]
		if got, want := asJSON(t, real.FileSystems), asJSON(t, golden.FileSystems); got != want {
			t.Errorf("%s has\n%s\nthe stand-in\n%s", name, got, want)
		}
		if got, want := asJSON(t, real.Settings), asJSON(t, golden.Settings); got != want {
			t.Errorf("%s has\n%s\nthe stand-in\n%s", name, got, want)
		}
	}
}

// standInFor returns which release of the stand-in a real nixpkgs of that release is
// like: 26.11 is that of autumn 2026, whose shares the guest may write to or not.
func standInFor(t *testing.T, release string) string {
	t.Helper()
	module := read(t, filepath.Join(os.Getenv("NIXPKGS"), "nixos/modules/virtualisation/qemu-vm.nix"))
	if release == "26.11" && !regexp.MustCompile(`\bwritable = (lib\.)?mkOption\b`).MatchString(module) {
		return "26.05"
	}
	return release
}

// TestRefused has nixvf-eval refuse what cannot run, with the sentence, and
// before anything is built or kept.
func TestRefused(t *testing.T) {
	onEach(t, func(t *testing.T, s samples) {
		all := maps.Clone(refusedSamples)
		maps.Copy(all, badSettings)
		i := 0
		for name, options := range all {
			i++
			name += "-" + s.releases[i%len(s.releases)]
			stdout, stderr, status := evalSample(filepath.Join(s.dir, "samples"), name, s.nixpkgs)
			if status != 1 || stdout != "" {
				t.Errorf("%s: status %d, %q", name, status, stdout)
			}
			for _, option := range options {
				if !strings.Contains(stderr, "\nnixvf-eval: "+name+": "+option) {
					t.Errorf("%s: nothing of %s in\n%s", name, option, stderr)
				}
			}
			if !strings.Contains(stderr, " eval --json ") || strings.Contains(stderr, " build --json ") {
				t.Errorf("%s built something:\n%s", name, stderr)
			}
		}
		if state, err := os.ReadDir(filepath.Join(s.dir, "state")); len(state) > 0 {
			t.Errorf("left %v, %v", state, err)
		}
	})
}

// evalSample runs nixvf-eval, which also shows what it runs.
func evalSample(samples, name, nixpkgs string) (stdout, stderr string, status int) {
	var out, messages bytes.Buffer
	cmd := exec.Command(filepath.Join(bin, "nixvf-eval"), "-v", "path:"+samples+"#"+name,
		"--", "--override-input", "nixpkgs", nixpkgs)
	cmd.Stdout, cmd.Stderr = &out, &messages
	err := cmd.Run()
	if cmd.ProcessState == nil {
		return "", err.Error(), -1
	}
	return out.String(), messages.String(), cmd.ProcessState.ExitCode()
}

func asJSON(t *testing.T, value any) string {
	t.Helper()
	text, err := json.MarshalIndent(value, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// goldenSamples are the configurations whose every detail is compared.
var goldenSamples = []string{"plain", "settings", "scripted", "noDisk", "layerOnDisk", "useNixStoreImage"}

// checkSample checks what holds for each configuration of each release.
func checkSample(t *testing.T, name string, s inspection) {
	var unknown []string
	if name == "newer" {
		unknown = []string{"fromTheFuture"}
	}
	if !slices.Equal(s.Unknown, unknown) {
		t.Errorf("options.nix does not have virtualisation.%q, want %q", s.Unknown, unknown)
	}
	want := refusedSamples[name]
	if len(s.Refusals) != len(want) {
		t.Fatalf("refusals %q, want %d", s.Refusals, len(want))
	}
	for i, option := range want {
		if !strings.HasPrefix(s.Refusals[i], option) {
			t.Errorf("refusal %q is not about %s", s.Refusals[i], option)
		}
	}
	var failed []string
	for _, refusal := range s.Refusals {
		failed = append(failed, "nixvf: "+refusal)
	}
	// NixOS has something to say of what nixvf refuses, too.
	if !hasEach(s.Failed, failed...) || len(want) == 0 && len(s.Failed) > 0 {
		t.Errorf("failed assertions %q, want %q", s.Failed, failed)
	}
	if len(want) > 0 {
		return
	}
	hinted := []string{"nobody", "nobodyAtAll", "locked", "secretPassword", "otherCard", "otherCardNoClient", "otherCardNetworkd", "oddGlobs", "rollback", "otherStageOne"}
	if hint := slices.Contains(hinted, name); hint != (len(s.Hints) > 0) {
		t.Errorf("hints %q", s.Hints)
	}
	warned := []string{"drives", "ignored", "newer", "topLevelWarned", "useEFIBoot"}
	if slices.Contains(warned, name) != (len(s.Warnings) > 0) {
		t.Errorf("warnings %q", s.Warnings)
	}
	if last := s.KernelParams[len(s.KernelParams)-1]; last != "console=hvc0" && name != "forcedInVM" {
		t.Errorf("last kernel parameter %q", last)
	}
	for _, module := range []string{"virtiofs", "virtio_blk", "virtio_pci", "overlay", "erofs"} {
		if !slices.Contains(s.AvailableKernelModules, module) {
			t.Errorf("no %s in stage 1", module)
		}
	}
	if s.BootJSON["io.github.nixvf.v1"] == nil {
		t.Error("no settings in boot.json")
	}
	for _, fs := range s.FileSystems {
		checkFileSystem(t, fs)
	}
	checkStore(t, name, s)
	root, _ := s.at("/")
	if grows := slices.Contains(root.Options, "x-systemd.growfs"); grows != (root.FsType == "ext4") {
		t.Errorf("the root: %+v", root)
	}
	checkStoreLayer(t, s)
	checkShares(t, s)
	checkSettings(t, name, s)
}

// checkStore checks where the guest has its store from: the host's is shared, or an
// image is in its place.
func checkStore(t *testing.T, name string, s inspection) {
	t.Helper()
	want, device, where := "virtiofs", bootdoc.StoreTag, bootdoc.StoreShare
	image := slices.Contains([]string{"useNixStoreImage", "storeImageOnly", "storeOption"}, name)
	if image {
		want, device, where = "erofs", "/dev/disk/by-label/"+storeimage.Label, bootdoc.StoreImage
	}
	store, _ := s.at("/nix/.ro-store")
	if store.FsType != want || store.Device != device || !slices.Contains(store.Options, "ro") || s.Settings["store"] != where {
		t.Errorf("the store: %+v, %v", store, s.Settings["store"])
	}
	shares, _ := s.Settings["sharedDirectories"].(map[string]any)
	if _, shared := shares[bootdoc.StoreTag]; shared == image {
		t.Errorf("the shares: %v", shares)
	}
}

// checkStoreLayer checks that stage 1 prepares the layer above the host's store,
// where there is one.
func checkStoreLayer(t *testing.T, s inspection) {
	t.Helper()
	store, _ := s.at("/nix/store")
	if has := strings.Contains(s.StoreLayer, read(t, "../pkg/nixos/store-layer.sh")); has != (store.FsType == "overlay") {
		t.Errorf("the store's file system is %s, and stage 1 runs\n%s", store.FsType, s.StoreLayer)
	}
	for _, shell := range []string{"bash", "sh"} {
		cmd := exec.Command(shell, "-n")
		cmd.Stdin = strings.NewReader(s.StoreLayer)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s%s", shell, err, out, s.StoreLayer)
		}
	}
}

// checkShares checks that what the guest mounts read-only is read-only on the host
// too, where the guest's root has no say.
func checkShares(t *testing.T, s inspection) {
	t.Helper()
	shares, _ := s.Settings["sharedDirectories"].(map[string]any)
	for tag, share := range shares {
		share := share.(map[string]any)
		fs, mounted := s.at(share["target"].(string))
		if writable := !slices.Contains(fs.Options, "ro"); !mounted || share["writable"] != writable {
			t.Errorf("the share %s is %v, its file system %+v", tag, share, fs)
		}
	}
}

// checkFileSystem checks that fs is none of the real machine's, and can be mounted.
func checkFileSystem(t *testing.T, fs fileSystem) {
	t.Helper()
	bind := slices.Contains(fs.Options, "bind")
	if fs.FsType == "9p" || fs.Device == "/dev/disk/by-uuid/0000" || fs.FsType == "auto" && !bind || fs.MountPoint == "/data" {
		t.Errorf("%+v", fs)
	}
	for i, option := range fs.Options {
		if strings.HasPrefix(option, "trans=") || strings.Contains(option, "9p") || strings.HasPrefix(option, "msize=") ||
			slices.Contains(fs.Options[:i], option) {
			t.Errorf("%s is mounted with %q", fs.MountPoint, fs.Options)
		}
	}
}

// checkSettings checks that what the user says goes before the module's
// defaults.
func checkSettings(t *testing.T, name string, s inspection) {
	image, rosetta, panicParam := "$NIXVF_STATE/nixos.raw", true, "panic=5"
	switch name {
	case "settings":
		image = "./mine.qcow2"
		if s.Settings["memorySize"] != 4096.0 || s.Settings["cores"] != 4.0 || s.Settings["diskSize"] != 20480.0 {
			t.Errorf("sizes: %v", s.Settings)
		}
		if disks, _ := json.Marshal(s.Settings["emptyDiskImages"]); string(disks) != "[512,1024]" {
			t.Errorf("emptyDiskImages: %s", disks)
		}
		if fs, _ := s.at("/project"); !slices.Contains(fs.Options, "noatime") {
			t.Errorf("/project: %+v", fs)
		}
	case "credentials":
		if text, _ := json.Marshal(s.Settings["credentials"]); string(text) != `{"theirs":"/etc/secret"}` && string(text) != `{}` {
			t.Errorf("credentials: %s", text)
		}
	case "noRosetta":
		rosetta = false
	case "nixvf":
		panicParam = "panic=1"
		credentials, _ := s.Settings["credentials"].(map[string]any)
		if text, _ := credentials["text"].(string); credentials["own"] != "~/key" || !strings.HasPrefix(text, "/nix/store/") {
			t.Errorf("credentials: %v", credentials)
		}
		const want = `{"clock":true,"console":"pty","mac":"52:54:00:12:34:56","nested":false,"ssh":{"enable":true,"user":"root"},"vsock":[22]}`
		if own, err := json.Marshal(s.Settings["nixvf"]); string(own) != want {
			t.Errorf("nixvf: %s, %v", own, err)
		}
		if s.Settings["useHostCerts"] != true {
			t.Errorf("useHostCerts: %v", s.Settings["useHostCerts"])
		}
	}
	got := s.Settings["diskImage"]
	if (name == "noDisk") != (got == nil) || got != nil && got != image {
		t.Errorf("diskImage %v", got)
	}
	if fs, mounted := s.at("/run/rosetta"); mounted != rosetta || mounted && !slices.Contains(fs.Options, "nofail") {
		t.Errorf("rosetta: %+v", fs)
	}
	var panics []string
	for _, param := range s.KernelParams {
		if strings.HasPrefix(param, "panic=") {
			panics = append(panics, param)
		}
	}
	// The last one counts; and that VM has none.
	if name != "forcedInVM" && (len(panics) == 0 || panics[len(panics)-1] != panicParam) {
		t.Errorf("panic parameters %q", panics)
	}
}

// golden compares the golden samples with a file, or writes that.
func golden(t *testing.T, file string, samples map[string]inspection) {
	t.Helper()
	some := map[string]inspection{}
	for name, sample := range samples {
		if slices.Contains(goldenSamples, strings.Split(name, "-")[0]) {
			sample.BootJSON = nil // the settings again
			sample.StoreLayer = ""
			some[name] = sample
		}
	}
	got := []byte(asJSON(t, some) + "\n")
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is not what the module makes now: go test ./tests -run %s -update shows it in git diff", file, t.Name())
	}
}

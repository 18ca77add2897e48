package ssh

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/nixvf/nixvf/pkg/place"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func newVM(t *testing.T) place.VM {
	t.Helper()
	vm := place.VM{ID: "web-1", Dir: t.TempDir()}
	must(t, os.Mkdir(vm.Run(), 0o700))
	return vm
}

// Each end knows the other one's public half, and its own private one.
func TestMake(t *testing.T) {
	vm := newVM(t)
	keys, err := Make(vm)
	must(t, err)
	half := func(private []byte) string {
		key, err := ssh.ParsePrivateKey(private)
		must(t, err)
		return string(ssh.MarshalAuthorizedKey(key.PublicKey()))
	}
	file := func(name string, mode os.FileMode) []byte {
		path := filepath.Join(vm.Run(), "ssh", name)
		data, err := os.ReadFile(path)
		must(t, err)
		if info, err := os.Stat(path); err != nil || info.Mode() != mode {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
		return data
	}
	if got := half(file("key", 0o600)); got != string(keys.AuthorizedKey) {
		t.Errorf("the guest lets %q in, and the user has %q", keys.AuthorizedKey, got)
	}
	if got := string(file("known_hosts", 0o600)); got != "web-1 "+half(keys.HostKey) {
		t.Errorf("the user knows %q", got)
	}
	if _, err := Make(vm); err == nil {
		t.Error("made twice")
	}
}

func TestBlock(t *testing.T) {
	vm := place.VM{ID: "web-1", Dir: "/home/me/100%/web-1"}
	options, err := Options(vm, "ann", "/opt/it's 100%/nixvf-boot")
	must(t, err)
	tests := map[string]string{ // by the name, the line of hosts
		"web": "Host web.nixvf web-1.nixvf\n", "web-1": "Host web-1.nixvf\n", "": "Host web-1.nixvf\n", "w*": "Host web-1.nixvf\n", "a b": "Host web-1.nixvf\n",
	}
	for name, hosts := range tests {
		if got := Block(options, vm, name); !strings.HasPrefix(got, hosts) {
			t.Errorf("%q: %s", name, got)
		}
	}
	got := Block(options, vm, "web")
	for _, want := range []string{
		"  User ann\n", `100%%/nixvf-boot`, " ssh-connect web-1\n", `  IdentityFile "/home/me/100%%/web-1/run/ssh/key"` + "\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	if args := Arguments(options, vm); strings.Join(args[len(args)-2:], " ") != "-- web-1" || args[0] != "-F" || args[1] != "none" {
		t.Errorf("%q", args)
	}
}

func TestInstall(t *testing.T) {
	const state = "/home/me/state/nixvf"
	const line = `Include "/home/me/state/nixvf/*/ssh_config"` + "\n"
	for _, text := range []string{"", "Host *\n  User x\n", "Host *", "# " + line} {
		file := filepath.Join(t.TempDir(), ".ssh", "config")
		must(t, os.Mkdir(filepath.Dir(file), 0o700))
		must(t, os.WriteFile(file, []byte(text), 0o640))
		for i, want := range []bool{true, false} {
			if changed, err := Install(file, state); changed != want || err != nil {
				t.Errorf("%q, install %d: %v, %v", text, i, changed, err)
			}
		}
		if got, _ := os.ReadFile(file); string(got) != line+text {
			t.Errorf("%q has become %q", text, got)
		}
		if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o640 {
			t.Errorf("%v, %v", info, err)
		}
		for i, want := range []bool{true, false} {
			if changed, err := Uninstall(file, state); changed != want || err != nil {
				t.Errorf("%q, uninstall %d: %v, %v", text, i, changed, err)
			}
		}
		if got, _ := os.ReadFile(file); string(got) != text {
			t.Errorf("%q has become %q", text, got)
		}
		if left, _ := os.ReadDir(filepath.Dir(file)); len(left) != 1 {
			t.Errorf("left %v", left)
		}
	}
}

// TestWords: whatever shell the user has in the guest, the words are the same there.
func TestWords(t *testing.T) {
	command := []string{"printf", `%s\0`, "", "two words", "it's", "one\nother\n", "$HOME", "*", "\t\x1b", "\xff", "~", "a=b", "!x", "#"}
	for _, name := range []string{"sh", "bash", "zsh", "fish"} {
		shell, err := exec.LookPath(name)
		if err != nil {
			continue // sh is everywhere
		}
		out, err := exec.Command(shell, "-c", strings.Join(Words(command), " ")).Output()
		if want := strings.Join(command[2:], "\x00") + "\x00"; err != nil || string(out) != want {
			t.Errorf("%s: %q, %v, want %q", name, out, err, want)
		}
	}
}

func TestInstallWhereItCannot(t *testing.T) {
	dir := t.TempDir()
	link := filepath.Join(dir, "link")
	must(t, os.Symlink(filepath.Join(dir, "gone"), link))
	for file, state := range map[string]string{link: "/state", dir: "/state", filepath.Join(dir, "new"): `/a"b`} {
		if changed, err := Install(file, state); changed || err == nil {
			t.Errorf("%s, %s: %v, %v", file, state, changed, err)
		}
	}
	fresh := filepath.Join(dir, ".ssh", "config")
	if changed, err := Install(fresh, "/state"); !changed || err != nil {
		t.Errorf("%v, %v", changed, err)
	}
	if info, err := os.Stat(fresh); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
}

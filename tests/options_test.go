//go:build linux

package tests

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// optionsPage is the reference of all options, made from what the module uses.
const optionsPage = "../pkg/nixos/OPTIONS.md"

// reference is what nixpkgs/options.nix evaluates to.
type reference struct {
	Virtualisation map[string]struct {
		Fate, Note string
		Releases   []string
	}
	Machine map[string]struct{ Value, Kept, Unless, Why string }
	Nixvf   map[string]struct {
		Type, Default, Description string
		ReadOnly                   bool
	}
}

// TestOptionsPage keeps the page equal to the module's table. That the table has
// every option is [TestModule]'s.
func TestOptionsPage(t *testing.T) {
	if _, err := exec.LookPath("nix"); err != nil {
		t.Skip(err)
	}
	out, err := exec.Command("nix", "--extra-experimental-features", "nix-command", "eval", "--json",
		"--file", "nixpkgs/options.nix").Output()
	if err != nil {
		t.Fatal(err)
	}
	var r reference
	if err := json.Unmarshal(out, &r); err != nil {
		t.Fatal(err)
	}
	for name, option := range r.Virtualisation {
		if !slices.Contains([]string{"honoured", "ignored", "refused"}, option.Fate) {
			t.Errorf("%s: fate %q", name, option.Fate)
		}
		if option.Note == "" && option.Fate != "honoured" {
			t.Errorf("%s: no reason", name)
		}
		if len(option.Releases) == 0 {
			t.Errorf("%s: in no release", name)
		}
	}
	page := r.page()
	if *update {
		if err := os.WriteFile(optionsPage, []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if have, err := os.ReadFile(optionsPage); err != nil || string(have) != page {
		t.Errorf("%s is old (%v): go test ./tests -run %s -update", optionsPage, err, t.Name())
	}
}

// page returns the reference as Markdown.
func (r reference) page() string {
	var b strings.Builder
	b.WriteString("<!-- Made from options.nix and nixvf-options.nix by go test ./tests -run TestOptionsPage -update -->\n\n" +
		"# Options\n\n## virtualisation.*\n\n" +
		"What nixvf makes of the options of NixOS's VMs (`qemu-vm.nix`). *honoured*: nixvf does what the option says. " +
		"*ignored*: it has no effect; nixvf-eval warns about it (`--strict`: refuses it). *refused*: such a VM cannot " +
		"run; nixvf-eval says so before it builds anything.\n\n" +
		"| option | nixpkgs | fate | |\n| --- | --- | --- | --- |\n")
	for _, name := range slices.Sorted(maps.Keys(r.Virtualisation)) {
		o := r.Virtualisation[name]
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", name, releases(o.Releases), o.Fate, o.Note)
	}
	b.WriteString("\n26.11 stands for nixpkgs of autumn 2026.\n\n")
	r.writeMachine(&b)
	b.WriteString("## nixvf.*\n\nNixOS has no options for these.\n")
	for _, name := range slices.Sorted(maps.Keys(r.Nixvf)) {
		o := r.Nixvf[name]
		fmt.Fprintf(&b, "\n### nixvf.%s\n\n%s\n\nType: %s. ", name, strings.TrimSpace(o.Description), o.Type)
		if o.ReadOnly {
			b.WriteString("Read only.\n")
		} else {
			fmt.Fprintf(&b, "Default: `%s`.\n", o.Default)
		}
	}
	return b.String()
}

// writeMachine writes what becomes of the options that are about the real machine.
func (r reference) writeMachine(b *strings.Builder) {
	b.WriteString("## Options about the real machine\n\n" +
		"The VM has none of the real machine's disks, and other hardware. So nixvf gives these options another value in " +
		"the VM. `mkForce` in `virtualisation.vmVariant` overrides it. *unless* names a type of file system: if " +
		"`virtualisation.fileSystems` has one of that type, the option keeps the configuration's value.\n\n" +
		"| option | in the VM | unless | why |\n| --- | --- | --- | --- |\n")
	for _, name := range slices.Sorted(maps.Keys(r.Machine)) {
		o := r.Machine[name]
		value := "`" + o.Value + "`"
		if o.Kept != "" {
			value = o.Kept
		}
		fmt.Fprintf(b, "| `%s` | %s | %s | %s |\n", name, value, o.Unless, o.Why)
	}
	b.WriteString("\nServices in a systemd stage 1 that name such a disk, or a TPM, do not run. nixvf-eval says so; " +
		"`enable = mkForce true` keeps one. NixOS itself drops `fileSystems`, `swapDevices` and " +
		"`boot.initrd.luks.devices` in a VM.\n\n" +
		"A VM needs some things that a configuration can remove. nixvf restores them, even if the configuration uses " +
		"`mkForce`: the drivers for disks, shares and the console in the initrd, the `root=` parameter, and DHCP on eth0, the " +
		"VM's network card, if nothing configures it. `mkVMOverride` in `virtualisation.vmVariant` removes them for good. " +
		"The login on hvc0 goes only with `mkForce`.\n\n")
}

// releases says which of the three releases have an option.
func releases(list []string) string {
	if len(list) == 3 {
		return "all"
	}
	return strings.Join(list, ", ")
}

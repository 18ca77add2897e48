// Package eval turns a flake's NixOS configuration into a boot document. It has
// nix evaluate and build the system, makes the registration of its closure, and
// protects both from garbage collection.
//
// It owns the order of these steps and the messages about failures. Package nix
// runs nix, package nixos holds the Nix code, and package bootdoc defines the
// document.
package eval

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/nixvf/nixvf/pkg/bootdoc"
	"github.com/nixvf/nixvf/pkg/fault"
	"github.com/nixvf/nixvf/pkg/nix"
	"github.com/nixvf/nixvf/pkg/nixos"
	"github.com/nixvf/nixvf/pkg/place"
)

// Request says what to evaluate.
type Request struct {
	Flake   string   // FLAKE[#NAME]
	ID      string   // the VM's id, where it is not to be computed
	NoLink  bool     // make no garbage collector roots by id
	OutLink string   // a link to the system besides, "" for none
	Options []string // for nix
	Strict  bool     // refuse what is only worth a warning
	Fresh   bool     // evaluate again, whatever is remembered
	Host    place.Host
	Log     nix.Log
	// Say tells the user a warning, a hint or a note. May be nil.
	Say func(kind, text string)
}

// Kinds of what [Request.Say] is told.
const (
	Warning = "warning"
	Hint    = "hint"
	Note    = "note"
)

// evaluation is a request under way.
type evaluation struct {
	Request
	nix      *nix.Nix
	settings nix.Settings
	flake    string // as the user knows it
	name     string // of the configuration; "" until it is known
	answer   *answer
	memory   *memory // what is known of this evaluation from an earlier one, and for a later one
	vm       place.VM
	cache    string   // nixvf's cache directory
	temp     string   // a directory in there that goes at the end, "" before it is needed
	tempLock *os.File // its lock
}

// Document evaluates and builds what r asks for.
func Document(ctx context.Context, r Request) (*bootdoc.Document, error) {
	e := &evaluation{Request: r}
	defer e.closeTemp()
	if err := e.start(ctx); err != nil {
		return nil, err
	}
	return e.realise(ctx)
}

// Settings evaluates what r asks for and builds nothing. It returns name, id and
// system of the VM and its settings, named as in a boot document.
func Settings(ctx context.Context, r Request) (*VM, error) {
	e := &evaluation{Request: r}
	defer e.closeTemp()
	if err := e.start(ctx); err != nil {
		return nil, err
	}
	e.memory.store()
	return &VM{Name: e.name, ID: e.vm.ID, System: e.answer.System, Virtualisation: e.answer.Settings}, nil
}

// VM is what is known of a VM before anything is built.
type VM struct {
	Name           string          `json:"name"`
	ID             string          `json:"id"`
	System         string          `json:"system"`
	Virtualisation json.RawMessage `json:"virtualisation"`
}

// start checks the request and evaluates the configuration.
func (e *evaluation) start(ctx context.Context) (err error) {
	if e.flake, e.name, err = split(e.Flake); err != nil {
		return err
	}
	if _, err := e.Host.VM(e.ID, "", e.name); err != nil { // what is wrong with an id is so already
		return err
	}
	if e.OutLink != "" {
		if e.OutLink, err = freeForLink(e.OutLink, e.Host.Dir); err != nil {
			return err
		}
	}
	ref, err := resolve(e.flake, e.Host.Dir)
	if err != nil {
		return err
	}
	if e.cache, err = e.Host.Cache(); err != nil {
		return fmt.Errorf("cache: %w", err)
	}
	if e.nix, err = nix.Find(ctx, e.Log, e.results("nix"), e.Options); err != nil {
		return err
	}
	if err := e.clean(); err != nil {
		return err
	}
	return e.evaluate(ctx, ref)
}

// evaluate asks the wrapper flake about the configuration.
func (e *evaluation) evaluate(ctx context.Context, ref string) error {
	source := e.source(ref) // while nix looks for its settings
	var err error
	if e.settings, err = e.nix.Settings(ctx); err != nil {
		return sentence(err, "cannot read nix's settings")
	}
	if !e.settings.Local() {
		err := fmt.Errorf("nix's store is %s: nixvf needs this machine's own /nix/store, which the VM shares", e.settings.Store)
		return fault.Hint(err, "see `store` in nix.conf, and NIX_REMOTE")
	}
	flake, err := e.describe(ctx, ref, source)
	if err != nil {
		return e.readError(err)
	}
	if err := e.configure(ctx, flake); err != nil {
		return err
	}
	e.memory = e.remember(flake)
	if !e.memory.recall(e.Fresh) {
		if err := e.ask(ctx, flake, ref); err != nil {
			return err
		}
	}
	if e.answer, err = parseAnswer(e.memory.Answer, e.flake, e.name); err != nil {
		return err
	}
	e.name = e.answer.Name
	if err := e.judge(e.settings.System); err != nil {
		return err
	}
	e.vm, err = e.Host.VM(e.ID, place.ID(flake.Origin, e.name), e.name)
	return err
}

// ask evaluates the wrapper flake. An answer about a tree that changed meanwhile
// is not remembered.
func (e *evaluation) ask(ctx context.Context, flake nix.Flake, ref string) error {
	if err := e.openTemp(); err != nil {
		return err
	}
	wrapper := filepath.Join(e.temp, "wrapper")
	target, err := e.nix.AsInput(flake)
	if err == nil {
		err = nixos.Write(wrapper, nix.Quote(target.URL), target.Lock)
	}
	if err != nil {
		return fmt.Errorf("wrapper flake: %w", err)
	}
	argument := "null"
	if e.name != "" {
		argument = nix.Quote(e.name)
	}
	out, err := e.nix.Eval(ctx, wrapper, "boot", "boot: boot "+argument)
	if err != nil {
		return sentence(err, "cannot evaluate %s", e.what())
	}
	e.memory.Answer = out
	if again, err := e.nix.Quiet().Metadata(ctx, ref); err != nil || !bytes.Equal(again.Metadata, flake.Metadata) {
		e.memory.forget()
	}
	return nil
}

// judge says what the user should know of the configuration, and refuses what
// cannot run on a host of the given platform.
func (e *evaluation) judge(host string) error {
	if err := checkPlatform(e.answer.System, host); err != nil {
		return err
	}
	if e.Strict && len(e.answer.Warnings) > 0 {
		return fault.Hint(refused(e.name, e.answer.Warnings), "without --strict these are warnings")
	}
	if e.Say == nil {
		return nil
	}
	for _, warning := range e.answer.Warnings {
		e.Say(Warning, e.name+": "+warning)
	}
	for _, hint := range e.answer.Hints {
		e.Say(Hint, e.name+": "+hint)
	}
	return nil
}

// checkPlatform returns an error for a guest that a Mac cannot run: Virtualization.framework runs
// guests of the Mac's own processor. Elsewhere QEMU emulates what it has to.
func checkPlatform(guest, host string) error {
	arch, mac := strings.CutSuffix(host, "-darwin")
	if !mac || strings.HasPrefix(guest, arch+"-") {
		return nil
	}
	err := fmt.Errorf("the guest is %s: this Mac (%s) runs %s-linux guests only", guest, host, arch)
	if arch != "aarch64" || guest != "x86_64-linux" {
		return fault.Hint(err, `set nixpkgs.hostPlatform = "%s-linux"`, arch)
	}
	return fault.Hint(err, `set nixpkgs.hostPlatform = "aarch64-linux": such a guest runs x86_64-linux programs too, with Apple's Rosetta (nixvf.rosetta, on by default)`)
}

// realise builds the system, unless that is done already, and describes it.
func (e *evaluation) realise(ctx context.Context) (*bootdoc.Document, error) {
	m := e.memory
	if !m.built() || e.reroot(ctx) != nil {
		err := e.openTemp()
		if err != nil {
			return nil, err
		}
		if m.Toplevel, m.Additional, err = e.build(ctx); err != nil {
			return nil, err
		}
		if m.Registration, err = e.register(ctx, append(slices.Clone(m.Additional), m.Toplevel)); err != nil {
			return nil, err
		}
		m.changed = true
	}
	doc, err := readSystem(m.Toplevel)
	if err != nil {
		return nil, err
	}
	doc.Name, doc.ID = e.name, e.vm.ID
	doc.RegInfo = filepath.Join(m.Registration, registrationFile)
	doc.Roots = append([]string{m.Toplevel, m.Registration}, m.Additional...)
	if err := e.sayMangled(doc); err != nil {
		return nil, err
	}
	m.store()
	if e.OutLink == "" || e.settings.Rooted(e.OutLink, m.Toplevel) {
		return doc, nil
	}
	return doc, sentence(e.nix.Root(ctx, e.OutLink, m.Toplevel), "cannot make the link %s", e.OutLink)
}

// build builds the system and the additional paths, and returns where they are
// in the store. Additional is what else there is.
func (e *evaluation) build(ctx context.Context) (toplevel string, additional []string, err error) {
	want, err := e.answer.system()
	if err != nil {
		return "", nil, err
	}
	before := e.rooted("system")
	system, err := e.realiseAs(ctx, "system", want)
	if err != nil {
		return "", nil, err
	}
	e.expired(before, system[0])
	rest := wanted(e.answer.Additional...)
	for drv, outputs := range want.Outputs {
		if slices.Equal(rest.Outputs[drv], outputs) { // NixOS's own modules list the system
			delete(rest.Outputs, drv)
		}
	}
	if additional, err = e.realiseAs(ctx, "additional", rest); err != nil {
		return "", nil, err
	}
	additional = slices.DeleteFunc(additional, func(path string) bool { return path == system[0] })
	return system[0], additional, e.tidyRoots(additional)
}

// realiseAs has nix realise what is wanted under roots called link.
func (e *evaluation) realiseAs(ctx context.Context, link string, want nix.Wanted) ([]string, error) {
	if len(want.Outputs) == 0 && len(want.Paths) == 0 {
		return nil, nil
	}
	link, err := e.link(link)
	if err != nil {
		return nil, err
	}
	paths, err := e.nix.Build(ctx, want, link)
	if err != nil {
		return nil, e.buildError(ctx, err)
	}
	return paths, nil
}

// freeForLink returns the absolute path of a link to be, where there is nothing
// yet or a link into the store.
func freeForLink(path, workdir string) (string, error) {
	if !filepath.IsAbs(path) {
		path = filepath.Join(workdir, path)
	}
	target, err := os.Readlink(path)
	switch {
	case err == nil && strings.HasPrefix(target, bootdoc.StoreDir+"/"), errors.Is(err, os.ErrNotExist):
		_, err := directory(filepath.Dir(path), workdir)
		return path, err
	}
	return "", fmt.Errorf("--out-link: %q is there and is no link into the Nix store", path)
}

package eval

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/nixvf/nixvf/pkg/bootdoc"
	"github.com/nixvf/nixvf/pkg/cache"
	"github.com/nixvf/nixvf/pkg/casehack"
)

// mangledFile is the list of mangled names, beside the registration. The guest
// repairs its view of the store by it. Without such names there is no such file.
const mangledFile = "case-hack"

// listMangled adds the list of a closure's mangled names to the registration's
// files, where the host's store mangles any.
func (e *evaluation) listMangled(ctx context.Context, closure []string, files map[string][]byte) error {
	if !e.settings.CaseHack {
		return nil
	}
	finder := casehack.Finder{
		Store: bootdoc.StoreDir,
		Cache: cache.Cache{Dir: filepath.Join(e.cache, "casehack")},
		Fresh: e.Fresh,
	}
	found, err := finder.Find(ctx, closure)
	if err != nil {
		return err
	}
	for _, err := range found.Unread {
		e.warn("whether it has mangled names is unknown: " + err.Error())
		e.memory.forget()
	}
	e.memory.Unlisted = found.Unlisted
	if list := casehack.Format(found.Names); len(list) > 0 {
		files[mangledFile] = list
	}
	return nil
}

// sayMangled says which names will stay mangled in the guest.
func (e *evaluation) sayMangled(doc *bootdoc.Document) error {
	if !e.settings.CaseHack {
		return nil
	}
	if unlisted := e.memory.Unlisted; len(unlisted) > 0 {
		e.warn("names that contain a line break stay mangled in the guest: " + some(unlisted))
	}
	if doc.Virtualisation.WritableStore {
		return nil
	}
	path := filepath.Join(e.memory.Registration, mangledFile)
	list, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	names, bad := casehack.Parse(list)
	if err = errors.Join(err, bad); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	var paths []string
	for _, name := range casehack.StorePaths(names) {
		paths = append(paths, filepath.Join(bootdoc.StoreDir, name))
	}
	e.warn("virtualisation.writableStore is off: names that differ only in case stay mangled (NAME~nix~case~hack~1) in " + some(paths))
	return nil
}

// some names the first ones of a list, and says how many more there are.
func some(list []string) string {
	const first = 5
	if len(list) <= first {
		return strings.Join(list, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(list[:first], ", "), len(list)-first)
}

// warn tells the user a warning about the configuration.
func (e *evaluation) warn(text string) {
	if e.Say != nil {
		e.Say(Warning, e.name+": "+text)
	}
}

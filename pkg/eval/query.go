package eval

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/nixvf/nixvf/pkg/bootdoc"
)

// Answer evaluates what r asks for and returns what path finds in its document,
// see [Query]. It builds the system only if the answer depends on that.
func Answer(ctx context.Context, r Request, path string) ([]byte, error) {
	e := &evaluation{Request: r}
	defer e.closeTemp()
	if err := e.start(ctx); err != nil {
		return nil, err
	}
	if r.OutLink == "" {
		if out, found := e.foresee(path); found {
			e.memory.store()
			return out, nil
		}
	}
	doc, err := e.realise(ctx)
	if err != nil {
		return nil, err
	}
	data, err := doc.Marshal()
	if err != nil {
		return nil, err
	}
	return Query(data, path)
}

// foresee returns what path finds in the document, if that is known before the
// system is built: if it is the same whatever the build will add.
func (e *evaluation) foresee(path string) ([]byte, bool) {
	// Filters and lists of paths find nothing, without a word, in what is missing.
	first, _, _ := strings.Cut(path, ".")
	if !slices.Contains([]string{"version", "name", "id", "system", "virtualisation"}, first) {
		return nil, false
	}
	if len(bytes.Trim(e.answer.Settings, "{ }")) == 0 { // only the system's own boot.json has them
		return nil, false
	}
	one, err := e.draft("/1")
	if err != nil {
		return nil, false
	}
	other, err := e.draft("/other", "/2", "/3")
	if err != nil {
		return nil, false
	}
	out, err := Query(one, path)
	if err != nil {
		return nil, false
	}
	again, err := Query(other, path)
	return out, err == nil && bytes.Equal(out, again)
}

// draft returns the document with path, or a list of it and more, in place of all that only the
// system that has been built can tell.
func (e *evaluation) draft(path string, more ...string) ([]byte, error) {
	list := append([]string{path}, more...)
	text, err := json.Marshal(struct {
		bootdoc.Document
		Virtualisation json.RawMessage `json:"virtualisation"`
	}{
		bootdoc.Document{
			Version: bootdoc.Version, Name: e.name, ID: e.vm.ID, System: e.answer.System,
			Label: path, Toplevel: path, Kernel: path, Initrd: path, Init: path, KernelParams: list, RegInfo: path, Roots: list,
		},
		e.answer.Settings,
	})
	if err != nil {
		return nil, err
	}
	doc, _, err := bootdoc.Parse(text)
	if err != nil {
		return nil, err
	}
	return doc.Marshal()
}

// Query returns what path, in gjson's syntax, finds in a JSON document: a string
// as it is, anything else as JSON, on one line.
func Query(data []byte, path string) ([]byte, error) {
	found := gjson.GetBytes(data, path)
	if !found.Exists() {
		return nil, fmt.Errorf("--query: nothing at %q in the document", path)
	}
	text := gjson.Get(found.Raw, "@ugly").Raw // on one line
	if found.Type == gjson.String {
		text = found.Str
	}
	return []byte(text + "\n"), nil
}

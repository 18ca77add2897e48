package eval

import (
	"fmt"

	"github.com/tidwall/gjson"

	"github.com/nixvf/nixvf/pkg/bootdoc"
)

// Query returns what path, in gjson's syntax, finds in the document: a string
// as it is, anything else as JSON, on one line.
func Query(doc *bootdoc.Document, path string) ([]byte, error) {
	data, err := doc.Marshal()
	if err != nil {
		return nil, err
	}
	found := gjson.GetBytes(data, path)
	if !found.Exists() {
		return nil, fmt.Errorf("--query: nothing at %q in the boot document", path)
	}
	text := gjson.Get(found.Raw, "@ugly").Raw // on one line
	if found.Type == gjson.String {
		text = found.Str
	}
	return []byte(text + "\n"), nil
}

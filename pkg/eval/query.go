package eval

import (
	"fmt"

	"github.com/tidwall/gjson"
)

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

package bootdoc

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// Marshal returns the document as pretty-printed JSON that ends in a newline.
func (d *Document) Marshal() ([]byte, error) {
	out, err := Indent(d)
	if err != nil {
		return nil, fmt.Errorf("boot document: %w", err)
	}
	return out, nil
}

// Indent returns v as JSON the way that nixvf's documents are printed: two
// spaces, no HTML escapes, a newline at the end.
func Indent(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	err := enc.Encode(v)
	return b.Bytes(), err
}

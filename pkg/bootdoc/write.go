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

// source is what settings were read from.
type source struct {
	text   json.RawMessage
	fields json.RawMessage // what the fields were, as JSON
}

// MarshalJSON writes the settings as they were read, unknown keys included, with
// the fields that have changed since; or else all fields.
func (v Virtualisation) MarshalJSON() ([]byte, error) {
	now, err := v.fields()
	switch {
	case err != nil || v.raw == nil:
		return now, err
	case bytes.Equal(now, v.raw.fields):
		return v.raw.text, nil
	}
	return merge(v.raw.text, v.raw.fields, now)
}

// fields returns the fields as JSON.
func (v Virtualisation) fields() ([]byte, error) {
	type plain Virtualisation
	return json.Marshal(plain(v))
}

// merge returns now with the keys that no field was for: those that text has and
// fields has not, in every object.
func merge(text, fields, now json.RawMessage) (json.RawMessage, error) {
	var was, known, merged map[string]json.RawMessage
	if json.Unmarshal(text, &was) != nil || json.Unmarshal(now, &merged) != nil || merged == nil {
		return now, nil
	}
	_ = json.Unmarshal(fields, &known) // without, all keys are unknown
	for key, value := range was {
		field, isField := known[key]
		changed, isThere := merged[key]
		switch {
		case isThere:
			both, err := merge(value, field, changed)
			if err != nil {
				return nil, err
			}
			merged[key] = both
		case !isField:
			merged[key] = value
		}
	}
	return json.Marshal(merged)
}

// Package strictjson reads fields from a JSON object and reports all errors at
// once, each with its key.
//
// It owns the rules of all nixvf documents: one object of limited size and depth,
// no duplicate key, no value of a wrong type, no control characters in strings.
// Unknown keys are left alone. It uses gjson, which by itself reads the first keys
// of a truncated document and turns a string into the number 0. It imports nothing
// of nixvf.
package strictjson

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/tidwall/gjson"
)

// MaxSize is the largest document that [Parse] accepts, in bytes. The boot
// document of a large configuration is below 100 KiB.
const MaxSize = 16 << 20

// maxDepth bounds the nesting, since gjson's validation recurses.
const maxDepth = 64

// Object is a JSON object whose fields are read with typed methods. Errors
// collect and are returned by [Object.Err]; a method that met an error returns
// its default, so that reading can go on.
type Object struct {
	path   string // of this object, "" at the top
	fields map[string]gjson.Result
	keys   []string // in document order
	raw    string
	errs   *[]error
}

// Parse checks that data is one JSON object and returns it. The error covers
// the syntax only; [Object.Err] has the rest.
func Parse(data []byte) (*Object, error) {
	switch {
	case len(data) > MaxSize:
		return nil, fmt.Errorf("larger than %d MiB", MaxSize>>20)
	case !utf8.Valid(data):
		return nil, errors.New("not UTF-8 text")
	case tooDeep(data):
		return nil, fmt.Errorf("nested deeper than %d levels", maxDepth)
	case !gjson.ValidBytes(data):
		return nil, errors.New("not a complete JSON document")
	}
	top := gjson.ParseBytes(data)
	if !top.IsObject() {
		return nil, fmt.Errorf("%s, not an object", kind(top))
	}
	return newObject("", top, new([]error)), nil
}

func newObject(path string, value gjson.Result, errs *[]error) *Object {
	o := &Object{path: path, fields: map[string]gjson.Result{}, raw: value.Raw, errs: errs}
	value.ForEach(func(k, v gjson.Result) bool {
		key := k.String()
		if _, twice := o.fields[key]; twice {
			o.Errorf(key, "is given twice")
			return true
		}
		o.fields[key] = v
		o.keys = append(o.keys, key)
		return true
	})
	return o
}

// Err returns all errors met so far in the whole document, joined, or nil.
func (o *Object) Err() error { return errors.Join(*o.errs...) }

// errorsMost is how many errors are reported: nobody mends more at once.
const errorsMost = 50

// Errorf records an error about key.
func (o *Object) Errorf(key, format string, args ...any) {
	if len(*o.errs) > errorsMost {
		return
	}
	if len(*o.errs) == errorsMost {
		*o.errs = append(*o.errs, fmt.Errorf("there are more errors than these %d", errorsMost))
		return
	}
	*o.errs = append(*o.errs, fmt.Errorf("%s: %s", o.Path(key), fmt.Sprintf(format, args...)))
}

// Path returns the name of key for messages: its own and those of the objects
// around it. An empty key is the object itself.
func (o *Object) Path(key string) string {
	if strings.ContainsFunc(key, func(r rune) bool { return r == '.' || r == '"' || r <= ' ' || !unicode.IsPrint(r) }) {
		key = fmt.Sprintf("%q", key)
	}
	switch {
	case o.path == "":
		return key
	case key == "":
		return o.path
	}
	return o.path + "." + key
}

// Keys returns the names of the object's fields in document order.
func (o *Object) Keys() []string { return slices.Clone(o.keys) }

// Raw returns the object as it stands in the document.
func (o *Object) Raw() string { return o.raw }

// Has reports whether key is there, with any value but null.
func (o *Object) Has(key string) bool { return o.fields[key].Type != gjson.Null }

// IsNull reports whether key is there with the value null.
func (o *Object) IsNull(key string) bool {
	v, ok := o.fields[key]
	return ok && v.Type == gjson.Null
}

// String returns the string at key, or def when it is absent.
func (o *Object) String(key, def string) string {
	if !o.Has(key) {
		return def
	}
	s, ok := o.text(key, o.fields[key])
	if !ok {
		return def
	}
	return s
}

// Required returns the string at key, which must be there and not be empty.
func (o *Object) Required(key string) string {
	s, ok := "", true
	if o.Has(key) {
		s, ok = o.text(key, o.fields[key])
	}
	if ok && s == "" {
		o.Errorf(key, "missing or empty")
	}
	return s
}

// Int returns the whole number at key, which must be within [low, high], or
// def when it is absent.
func (o *Object) Int(key string, def, low, high int64) int64 {
	if !o.Has(key) {
		return def
	}
	n, ok := o.number(key, o.fields[key], low, high)
	if !ok {
		return def
	}
	return n
}

// Bool returns the truth value at key, or def when it is absent.
func (o *Object) Bool(key string, def bool) bool {
	v := o.fields[key]
	switch v.Type {
	case gjson.True, gjson.False:
		return v.Bool()
	case gjson.Null:
		return def
	}
	o.wrongType(key, v, "true or false")
	return def
}

// Strings returns the array of strings at key; nil when it is absent.
func (o *Object) Strings(key string) []string {
	return array(o, key, o.text)
}

// Ints returns the array of whole numbers at key, each within [low, high]; nil
// when it is absent.
func (o *Object) Ints(key string, low, high int64) []int64 {
	return array(o, key, func(key string, v gjson.Result) (int64, bool) { return o.number(key, v, low, high) })
}

// IntOrObject is an element of an array: an object, or a number where that is nil.
type IntOrObject struct {
	Int    int64
	Object *Object
}

// IntsOrObjects returns the array at key, whose elements are numbers from low to
// high or objects; nil when it is absent.
func (o *Object) IntsOrObjects(key string, low, high int64) []IntOrObject {
	return array(o, key, func(key string, v gjson.Result) (e IntOrObject, ok bool) {
		if v.IsObject() {
			e.Object, ok = o.object(key, v)
		} else {
			e.Int, ok = o.number(key, v, low, high)
		}
		return e, ok
	})
}

// Object returns the object at key; nil when it is absent.
func (o *Object) Object(key string) *Object {
	if !o.Has(key) {
		return nil
	}
	sub, _ := o.object(key, o.fields[key])
	return sub
}

// Objects returns the array of objects at key; nil when it is absent.
func (o *Object) Objects(key string) []*Object {
	return array(o, key, o.object)
}

// array reads each element of the array at key with one.
func array[T any](o *Object, key string, one func(string, gjson.Result) (T, bool)) []T {
	if !o.Has(key) {
		return nil
	}
	v := o.fields[key]
	if !v.IsArray() {
		o.wrongType(key, v, "an array")
		return nil
	}
	list := []T{}
	for i, e := range v.Array() {
		if t, ok := one(fmt.Sprintf("%s[%d]", key, i), e); ok {
			list = append(list, t)
		}
	}
	return list
}

func (o *Object) text(key string, v gjson.Result) (string, bool) {
	if v.Type != gjson.String {
		o.wrongType(key, v, "a string")
		return "", false
	}
	if strings.ContainsFunc(v.Str, unicode.IsControl) {
		o.Errorf(key, "%q contains a control character", v.Str)
		return "", false
	}
	return v.Str, true
}

func (o *Object) number(key string, v gjson.Result, low, high int64) (int64, bool) {
	if v.Type != gjson.Number {
		o.wrongType(key, v, "a number")
		return 0, false
	}
	n, ok := whole(v)
	if !ok || n < low || n > high {
		o.Errorf(key, "%s is not a whole number from %d to %d", v.Raw, low, high)
		return 0, false
	}
	return n, true
}

// whole returns v as a whole number. One like 2.0 or 1e3 is read as a float64,
// which is exact up to 2^53.
func whole(v gjson.Result) (int64, bool) {
	if n, err := strconv.ParseInt(v.Raw, 10, 64); err == nil {
		return n, true
	}
	if v.Num != math.Trunc(v.Num) || math.Abs(v.Num) > 1<<53 {
		return 0, false
	}
	return int64(v.Num), true
}

func (o *Object) object(key string, v gjson.Result) (*Object, bool) {
	if !v.IsObject() {
		o.wrongType(key, v, "an object")
		return nil, false
	}
	return newObject(o.Path(key), v, o.errs), true
}

func (o *Object) wrongType(key string, v gjson.Result, want string) {
	o.Errorf(key, "%s, where %s is wanted", kind(v), want)
}

// kind names the type of v as JSON's specification (RFC 8259) does.
func kind(v gjson.Result) string {
	switch {
	case v.IsObject():
		return "an object"
	case v.IsArray():
		return "an array"
	case v.Type == gjson.True || v.Type == gjson.False:
		return "a boolean"
	case v.Type == gjson.Null:
		return "null"
	}
	return "a " + strings.ToLower(v.Type.String())
}

// tooDeep reports whether brackets outside of strings nest beyond maxDepth.
func tooDeep(data []byte) bool {
	depth, inString := 0, false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case inString && c == '\\':
			i++
		case c == '"':
			inString = !inString
		case inString:
		case c == '{' || c == '[':
			if depth++; depth > maxDepth {
				return true
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return false
}

package strictjson

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	deep := strings.Repeat(`{"a":`, maxDepth-1) + "[]" + strings.Repeat("}", maxDepth-1)
	tests := []struct {
		name, in, err string
	}{
		{"empty object", ` {} `, ""},
		{"deepest", deep, ""},
		{"brackets in a string are no depth", `{"a":"` + strings.Repeat("[", 100) + `"}`, ""},
		{"escaped quote in a string", `{"a":"\"` + strings.Repeat("[", 100) + `"}`, ""},
		{"too deep", `{"a":` + deep + "}", "nested deeper than 64 levels"},
		{"endless", strings.Repeat("[", 1<<20), "nested deeper than 64 levels"},
		{"truncated", `{"kernel":"/k","init`, "not a complete JSON document"},
		{"truncated behind a value", `{"kernel":"/k"`, "not a complete JSON document"},
		{"two documents", `{}{}`, "not a complete JSON document"},
		{"nothing", ``, "not a complete JSON document"},
		{"comment", "{} // x", "not a complete JSON document"},
		{"trailing comma", `{"a":1,}`, "not a complete JSON document"},
		{"raw newline in a string", "{\"a\":\"b\nc\"}", "not a complete JSON document"},
		{"not UTF-8", "{\"a\":\"\xff\"}", "not UTF-8 text"},
		{"array", `[]`, "an array, not an object"},
		{"string", `"x"`, "a string, not an object"},
		{"number", `1`, "a number, not an object"},
		{"null", `null`, "null, not an object"},
		{"true", `true`, "a boolean, not an object"},
		{"too large", strings.Repeat(" ", MaxSize) + "{}", "larger than 16 MiB"},
	}
	for _, tt := range tests {
		o, err := Parse([]byte(tt.in))
		if text(err) != tt.err || (o == nil) != (err != nil) {
			t.Errorf("%s: got %v, %q, want %q", tt.name, o != nil, text(err), tt.err)
		}
	}
}

// text is err's message, "" for nil.
func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func parse(t *testing.T, in string) *Object {
	t.Helper()
	o, err := Parse([]byte(in))
	if err != nil {
		t.Fatalf("%s: %v", in, err)
	}
	return o
}

func TestReads(t *testing.T) {
	tests := []struct {
		in   string
		read func(o *Object) any
		want any
		err  string
	}{
		{`{"k":"a"}`, func(o *Object) any { return o.String("k", "d") }, "a", ""},
		{`{"k":""}`, func(o *Object) any { return o.String("k", "d") }, "", ""},
		{`{"k":"\u00e9\ud83d\ude00"}`, func(o *Object) any { return o.String("k", "d") }, "é😀", ""},
		{`{}`, func(o *Object) any { return o.String("k", "d") }, "d", ""},
		{`{"k":null}`, func(o *Object) any { return o.String("k", "d") }, "d", ""},
		{`{"k":1}`, func(o *Object) any { return o.String("k", "d") }, "d", "k: a number, where a string is wanted"},
		{`{"k":"a\u0000"}`, func(o *Object) any { return o.String("k", "d") }, "d", `k: "a\x00" contains a control character`},
		{`{"k":"a\u001b"}`, func(o *Object) any { return o.Required("k") }, "", `k: "a\x1b" contains a control character`},
		{`{"k":""}`, func(o *Object) any { return o.Required("k") }, "", "k: missing or empty"},
		{`{}`, func(o *Object) any { return o.Required("k") }, "", "k: missing or empty"},
		{`{"k":[]}`, func(o *Object) any { return o.Required("k") }, "", "k: an array, where a string is wanted"},
		{`{"k":3}`, func(o *Object) any { return o.Int("k", 7, 1, 3) }, int64(3), ""},
		{`{"k":3e0}`, func(o *Object) any { return o.Int("k", 7, 1, 3) }, int64(3), ""},
		{`{}`, func(o *Object) any { return o.Int("k", 7, 1, 3) }, int64(7), ""},
		{`{"k":4}`, func(o *Object) any { return o.Int("k", 7, 1, 3) }, int64(7), "k: 4 is not a whole number from 1 to 3"},
		{`{"k":1.5}`, func(o *Object) any { return o.Int("k", 7, 1, 3) }, int64(7), "k: 1.5 is not a whole number from 1 to 3"},
		{`{"k":1e400}`, func(o *Object) any { return o.Int("k", 7, 1, 3) }, int64(7), "k: 1e400 is not a whole number from 1 to 3"},
		{`{"k":"2"}`, func(o *Object) any { return o.Int("k", 7, 1, 3) }, int64(7), "k: a string, where a number is wanted"},
		{`{"k":true}`, func(o *Object) any { return o.Int("k", 7, 1, 3) }, int64(7), "k: a boolean, where a number is wanted"},
		{`{"k":9007199254740993}`, func(o *Object) any { return o.Int("k", 7, 1, 1<<60) }, int64(9007199254740993), ""},
		{`{"k":9223372036854775807}`, func(o *Object) any { return o.Int("k", 7, 1, 1<<63-1) }, int64(1<<63 - 1), ""},
		{`{"k":9223372036854775808}`, func(o *Object) any { return o.Int("k", 7, 1, 1<<63-1) }, int64(7), "k: 9223372036854775808 is not a whole number from 1 to 9223372036854775807"},
		{`{"k":true}`, func(o *Object) any { return o.Bool("k", false) }, true, ""},
		{`{"k":false}`, func(o *Object) any { return o.Bool("k", true) }, false, ""},
		{`{"k":null}`, func(o *Object) any { return o.Bool("k", true) }, true, ""},
		{`{"k":"true"}`, func(o *Object) any { return o.Bool("k", false) }, false, "k: a string, where true or false is wanted"},
		{`{"k":["a","b"]}`, func(o *Object) any { return o.Strings("k") }, []string{"a", "b"}, ""},
		{`{"k":[]}`, func(o *Object) any { return o.Strings("k") }, []string{}, ""},
		{`{}`, func(o *Object) any { return o.Strings("k") }, []string(nil), ""},
		{`{"k":"a"}`, func(o *Object) any { return o.Strings("k") }, []string(nil), "k: a string, where an array is wanted"},
		{`{"k":["a",1,null]}`, func(o *Object) any { return o.Strings("k") }, []string{"a"},
			"k[1]: a number, where a string is wanted\nk[2]: null, where a string is wanted"},
		{`{"k":[1,9]}`, func(o *Object) any { return o.Ints("k", 1, 3) }, []int64{1}, "k[1]: 9 is not a whole number from 1 to 3"},
		{`{"k":[{"a":"b"},1]}`, func(o *Object) any { return o.Objects("k")[0].Required("a") }, "b", "k[1]: a number, where an object is wanted"},
		{`{"k":{"a.b":{"":1}}}`, func(o *Object) any { return o.Object("k").Object("a.b").Bool("c d", true) }, true, ""},
		{`{"k":{"a.b":{"c d":1}}}`, func(o *Object) any { return o.Object("k").Object("a.b").Bool("c d", true) }, true,
			`k."a.b"."c d": a number, where true or false is wanted`},
		{`{"k":[[]]}`, func(o *Object) any { return o.Object("k") }, (*Object)(nil), "k: an array, where an object is wanted"},
		{`{"k":1,"j":2,"\u006b":3}`, func(o *Object) any { return o.Keys() }, []string{"k", "j"}, "k: is given twice"},
		{`{"k":{"x":1,"x":1}}`, func(o *Object) any { return o.Object("k").Keys() }, []string{"x"}, "k.x: is given twice"},
		{`{"k":null}`, func(o *Object) any { return []bool{o.Has("k"), o.IsNull("k"), o.IsNull("j")} }, []bool{false, true, false}, ""},
	}
	for _, tt := range tests {
		o := parse(t, tt.in)
		if got := tt.read(o); !reflect.DeepEqual(got, tt.want) || text(o.Err()) != tt.err {
			t.Errorf("%s: got %#v, %q\nwant %#v, %q", tt.in, got, text(o.Err()), tt.want, tt.err)
		}
	}
}

// What is read agrees with encoding/json, and nothing panics.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"a":"b","a":1}`, `{"a":{"b":[1,2.5,-0,1e9]},"c":[{"d":null}]}`, `{"\u0061":"\ud800"}`,
		`{"a":9007199254740993}`, `[`, `{"a":"\u0000","b":true}`, "{\"a\":\"\xff\"}", `{"":{"":""}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		o, err := Parse(data)
		if err != nil {
			if o != nil {
				t.Error("an object and an error")
			}
			return
		}
		var std map[string]any
		if err := json.Unmarshal(data, &std); err != nil {
			t.Fatalf("encoding/json refuses it: %v", err)
		}
		if len(std) != len(o.Keys()) {
			t.Errorf("%d keys, %d in encoding/json", len(o.Keys()), len(std))
		}
		for _, key := range o.Keys() {
			if s := o.String(key, ""); s != "" && o.Err() == nil && s != std[key] {
				t.Errorf("%q: %q, %q in encoding/json", key, s, std[key])
			}
			o.Required(key)
			o.Int(key, 0, -5, 5)
			o.Bool(key, false)
			o.Strings(key)
			o.Ints(key, 0, 1)
			o.Objects(key)
			if sub := o.Object(key); sub != nil {
				for _, k := range sub.Keys() {
					sub.String(k, "")
				}
			}
		}
		if err := o.Err(); err != nil && err.Error() == "" {
			t.Error("an error without a message")
		}
	})
}

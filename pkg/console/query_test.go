package console

import (
	"bytes"
	"slices"
	"testing"
)

func TestQueries(t *testing.T) {
	const size, session = string(askSize), string(login)
	tests := []struct {
		output string
		rest   string
		asked  []query
	}{
		{"text", "text", nil},
		{"a" + size + "b" + session + "c", "abc", []query{askSize, login}},
		{size + size, "", []query{askSize, askSize}},
		{"\x1b[1;32mgreen\x1b[0m", "\x1b[1;32mgreen\x1b[0m", nil},
		{"\x1b[18m\x1b[6n\x1b\x1b[c", "\x1b[18m\x1b[6n\x1b\x1b[c", nil},
		{"\x1b]3008;start=other;type=session\x1b\\", "\x1b]3008;start=other;type=session\x1b\\", nil},
		{"\x1b" + size, "\x1b", []query{askSize}},
		{"an end \x1b[18", "an end ", nil}, // it has not come yet
	}
	for _, tt := range tests {
		var q queries
		var asked []query
		rest := q.take([]byte(tt.output), func(which query) bool { asked = append(asked, which); return true })
		if string(rest) != tt.rest || !slices.Equal(asked, tt.asked) {
			t.Errorf("%q: %q and %q, want %q and %q", tt.output, rest, asked, tt.rest, tt.asked)
		}
	}
	var q queries
	if rest := q.take([]byte("a"+size+"b"), func(query) bool { return false }); string(rest) != "a"+size+"b" {
		t.Errorf("of a query that nobody takes %q is left", rest)
	}
}

func FuzzQueries(f *testing.F) {
	f.Add([]byte("a"+askSize+"b"+login), 3, true)
	f.Add([]byte("\x1b\x1b["+askSize), 4, false)
	f.Fuzz(func(t *testing.T, output []byte, cut int, handled bool) {
		cut = min(max(cut, 0), len(output))
		handle := func(query) bool { return handled }
		var whole, pieces queries
		want := append(whole.take(bytes.Clone(output), handle), whole.held...)
		got := append(pieces.take(bytes.Clone(output[:cut]), handle), pieces.take(bytes.Clone(output[cut:]), handle)...)
		got = append(got, pieces.held...)
		if !bytes.Equal(got, want) {
			t.Errorf("cut at %d, %q gives %q instead of %q", cut, output, got, want)
		}
		if !handled && !bytes.Equal(got, output) {
			t.Errorf("%q becomes %q", output, got)
		}
	})
}

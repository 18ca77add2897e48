package console

import (
	"slices"
	"strings"
	"testing"
	"unicode"
)

func TestLines(t *testing.T) {
	tests := []struct {
		output string
		want   []string
	}{
		{"", nil},
		{"one\r\ntwo\r\n\r\nthree\r\nfour", []string{"two", "three", "four"}},
		{"\x1b[0;1;31mFAILED\x1b[0m to start\r\n", []string{"FAILED to start"}},
		{"\x1b]0;title\x07ready\x1b(B\r\n", []string{"ready"}},
		{"10%\r20%\r100%\r\n", []string{"100%"}},
		{"a\x00b\x08\tc\xff\n", []string{"ab c"}},
		{"\x1b[", nil}, // one that is cut off
	}
	for _, tt := range tests {
		if got := Lines([]byte(tt.output), 3); !slices.Equal(got, tt.want) {
			t.Errorf("%q: %q, want %q", tt.output, got, tt.want)
		}
	}
}

func FuzzLines(f *testing.F) {
	f.Add([]byte("a\x1b[1mb\r\nc\x1b]0;x"), 2)
	f.Fuzz(func(t *testing.T, output []byte, n int) {
		n = min(max(n, 0), 100)
		lines := Lines(output, n)
		if len(lines) > n {
			t.Errorf("%d lines, not %d at most", len(lines), n)
		}
		for _, line := range lines {
			if line == "" || strings.ContainsFunc(line, unicode.IsControl) {
				t.Errorf("%q of %q", line, output)
			}
		}
	})
}

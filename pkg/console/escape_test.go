package console

import (
	"slices"
	"testing"
)

func TestFilter(t *testing.T) {
	tests := []struct {
		name     string
		input    []string // as it is read, piece by piece
		output   string
		commands []Command
	}{
		{"keys", []string{"ls\r"}, "ls\r", nil},
		{"control keys", []string{"\x03\x1a\x1c\x13\x04"}, "\x03\x1a\x1c\x13\x04", nil},
		{"stop", []string{"\x1d."}, "", []Command{Stop}},
		{"stop in two reads", []string{"a\x1d", ".b"}, "ab", []Command{Stop}},
		{"stop twice", []string{"\x1d.\x1d."}, "", []Command{Stop, Stop}},
		{"detach", []string{"a\x1dd", "ls\r", "\x1d."}, "a", []Command{Detach}},
		{"escape itself", []string{"\x1d\x1d."}, "\x1d.", nil},
		{"another key", []string{"\x1dx."}, "\x1dx.", nil},
		{"a lone escape waits", []string{"\x1d"}, "", nil},
	}
	for _, tt := range tests {
		var e escaper
		var output []byte
		var commands []Command
		for _, piece := range tt.input {
			o, c := e.filter([]byte(piece))
			output, commands = append(output, o...), append(commands, c...)
		}
		if string(output) != tt.output || !slices.Equal(commands, tt.commands) {
			t.Errorf("%s: %q %v, want %q %v", tt.name, output, commands, tt.output, tt.commands)
		}
	}
}

func FuzzFilter(f *testing.F) {
	f.Add([]byte("a\x1d.\x1d\x1d"), 2)
	f.Add([]byte("\x1ddx\x1d."), 1)
	f.Fuzz(func(t *testing.T, input []byte, cut int) {
		cut = min(max(cut, 0), len(input))
		var whole, pieces escaper
		want, wantCommands := whole.filter(input)
		got, commands := pieces.filter(input[:cut])
		more, moreCommands := pieces.filter(input[cut:])
		if string(append(got, more...)) != string(want) || len(commands)+len(moreCommands) != len(wantCommands) {
			t.Errorf("cut at %d, %q gives another result", cut, input)
		}
	})
}

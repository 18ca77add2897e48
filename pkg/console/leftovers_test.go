package console

import "testing"

func TestLeftovers(t *testing.T) {
	tests := []struct{ name, output, undo string }{
		{"nothing", "login: \x1b[31mred\x1b[0m \x1b[2J\x1b[H\x1b[?25l\x1b[?25h\x1b]0;title\a", ""},
		{"colour", "\x1b[1;31mred", "\x1b[0m"},
		{"mouse and pasted text", "\x1b[?1002;1006h\x1b[?2004h", "\x1b[?1002l\x1b[?1006l\x1b[?2004l"},
		{"the other screen", "\x1b[?1049h\x1b[?1h\x1b=\x1b[?25l", "\x1b[?1l\x1b[?1049l\x1b[?25h\x1b>"},
		{"and back", "\x1b[?1049h\x1b[?1h\x1b=\x1b[?25l\x1b[?1049l\x1b[?1l\x1b>\x1b[?25h", ""},
		{"margins", "\x1b[5;10r", "\x1b7\x1b[r\x1b8"},
		{"letters", "\x1b(0qqq", "\x1b(B\x0f"},
		{"a reset", "\x1b[?1002h\x1b[31m\x1bc", ""},
		{"a string that does not end", "\x1b]0;\x1b", "\x1b\\"},
		{"in a string", "\x1bP\x1b\\\x1b]0;[?1002h\a", ""},
	}
	for _, tt := range tests {
		var whole, parts leftovers
		whole.note([]byte(tt.output))
		for i := range len(tt.output) {
			parts.note([]byte(tt.output[i : i+1]))
		}
		if whole.undo() != tt.undo || parts.undo() != tt.undo {
			t.Errorf("%s: %q and in parts %q, want %q", tt.name, whole.undo(), parts.undo(), tt.undo)
		}
	}
}

func TestAnswers(t *testing.T) {
	for output, want := range map[string]bool{
		"\x1b[6n": true, "\x1b[c": true, "\x1b]11;?\a": true, "\x1bP+q544e\x1b\\": true, "\x1b[?1003h": true,
		"\x1b[31m": false, "\x1b]0;what?\a": false, "\x1b[?1049h": false, "text": false,
	} {
		var l leftovers
		l.note([]byte(output))
		if l.answers() != want {
			t.Errorf("%q: %v, want %v", output, l.answers(), want)
		}
	}
}

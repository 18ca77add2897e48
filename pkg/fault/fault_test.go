package fault

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"
)

func TestLinesHintsCode(t *testing.T) {
	base := errors.New("kernel: missing")
	tests := []struct {
		name  string
		err   error
		lines []string
		hints []string
		code  int
	}{
		{"nil", nil, nil, nil, 0},
		{"plain", base, []string{"kernel: missing"}, nil, 1},
		{"hint", Hint(base, "try %d", 2), []string{"kernel: missing"}, []string{"try 2"}, 1},
		{"usage", Usage(Hint(base, "h")), []string{"kernel: missing"}, []string{"h"}, 2},
		{"join", errors.Join(Hint(base, "a"), io.EOF), []string{"kernel: missing", "EOF"}, []string{"a"}, 1},
		{"hint on a join", Hint(errors.Join(base, io.EOF), "b"), []string{"kernel: missing", "EOF"}, []string{"b"}, 1},
		{"wrapped", fmt.Errorf("boot.json: %w", Exit(base, 130)), []string{"boot.json: kernel: missing"}, nil, 130},
		{"status", errors.Join(Status(3), base), []string{"kernel: missing"}, nil, 3},
		{"hint of nil", Hint(nil, "x"), nil, nil, 0},
	}
	for _, tt := range tests {
		if got := Lines(tt.err); !slices.Equal(got, tt.lines) {
			t.Errorf("%s: Lines = %q, want %q", tt.name, got, tt.lines)
		}
		if got := Hints(tt.err); !slices.Equal(got, tt.hints) {
			t.Errorf("%s: Hints = %q, want %q", tt.name, got, tt.hints)
		}
		if got := Code(tt.err); got != tt.code {
			t.Errorf("%s: Code = %d, want %d", tt.name, got, tt.code)
		}
		if tt.err != nil && !errors.Is(tt.err, base) {
			t.Errorf("%s: the cause is lost", tt.name)
		}
	}
}

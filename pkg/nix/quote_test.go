package nix

import (
	"encoding/json"
	"os/exec"
	"strings"
	"testing"
	"unicode/utf8"
)

// What is quoted means itself to Nix.
func FuzzQuote(f *testing.F) {
	program, err := exec.LookPath("nix-instantiate")
	if err != nil {
		f.Skip(err)
	}
	for _, seed := range []string{"", `a"b`, `\`, "${x}", "$${x}", "$", "''", "\n\r\t", "é", `\${`, "$\n{"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
			return // Nix has no such strings, and neither have documents
		}
		out, err := exec.Command(program, "--eval", "--json", "--store", "dummy://", "-E", Quote(text)).Output()
		var got string
		if err == nil {
			err = json.Unmarshal(out, &got)
		}
		if err != nil || got != text {
			t.Errorf("%q: Nix reads %q, %v", text, got, err)
		}
	})
}

package launchdoc

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// The pasted command means the same arguments to each shell that is here.
func FuzzShell(f *testing.F) {
	var shells []string
	for _, name := range []string{"bash", "dash", "sh"} {
		if path, err := exec.LookPath(name); err == nil {
			shells = append(shells, path)
		}
	}
	for _, seed := range []string{"", "a b", `'`, `"\`, "$HOME `id` $(id)", "!x", "~", "*", "a\x01é", "-", "=a", "\u2028"} {
		f.Add(seed, "--x")
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		args := []string{"--first", a, b}
		for _, arg := range args {
			if !utf8.ValidString(arg) || strings.ContainsFunc(arg, unicode.IsControl) {
				return // no launch document holds such
			}
		}
		command, err := Command(append([]string{"show"}, args...))
		if err != nil {
			t.Fatal(err)
		}
		for _, shell := range shells {
			out, err := exec.Command(shell, "-c", "show() { printf '%s\\0' \"$@\"; }\n"+string(command)).Output()
			if got := strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00"); err != nil || !slices.Equal(got, args) {
				t.Errorf("%s: %v, %q, want %q, from %s", shell, err, got, args, command)
			}
		}
	})
}

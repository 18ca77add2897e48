package shell

import (
	"os/exec"
	"testing"
)

func TestWord(t *testing.T) {
	for text, want := range map[string]string{
		"":         "''",
		"/a/b-c":   "/a/b-c",
		"--a=b":    "--a=b",
		"=a":       "'=a'",
		"~/a":      "'~/a'",
		".#vm":     "'.#vm'",
		"a b":      "'a b'",
		"it's":     `"it's"`,
		"it's $x":  `'it'\''s $x'`,
		"$(x)\n`y": "'$(x)\n`y'",
		"\x01\xff": "'\x01\xff'",
	} {
		if got := Word(text); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}

// FuzzWords has a shell take the words apart again.
func FuzzWords(f *testing.F) {
	f.Add("it's", "$x \\ !\n*")
	f.Add("", "\xff\x01")
	f.Fuzz(func(t *testing.T, a, b string) {
		out, err := exec.Command("sh", "-c", "printf '%s|' "+Words([]string{a, b})).Output()
		for _, c := range []byte(a + b) {
			if c == 0 { // no argument of a program holds it
				return
			}
		}
		if err != nil || string(out) != a+"|"+b+"|" {
			t.Errorf("%q %q: %q, %v", a, b, out, err)
		}
	})
}

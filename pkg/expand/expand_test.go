package expand

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"unicode"
)

var variables = map[string]string{
	"HOME": "/home/ann", "TMPDIR": "/tmp/vm run", "REL": "sub/dir", "EMPTY": "", "self": "self", "GLOB": "*",
	"BAD": "a\nb",
}

func lookup(name string) (string, bool) {
	value, ok := variables[name]
	return value, ok
}

var tests = []struct{ in, want, err string }{
	{"/a/b", "/a/b", ""},
	{"/a//b/../c/", "/a/c", ""},
	{"a b/c", "/here/a b/c", ""},
	{"./nixos.raw", "/here/nixos.raw", ""},
	{"../nixos.raw", "/nixos.raw", ""},
	{"/a(b)&c;d|e<f>#g!h", "/a(b)&c;d|e<f>#g!h", ""},
	{`"$TMPDIR"/xchg`, "/tmp/vm run/xchg", ""},
	{`$TMPDIR/xchg`, "/tmp/vm run/xchg", ""},
	{`${TMPDIR}/xchg`, "/tmp/vm run/xchg", ""},
	{`"${SHARED_DIR:-$TMPDIR/xchg}"`, "/tmp/vm run/xchg", ""},
	{`"${REL:-$TMPDIR/xchg}"`, "/here/sub/dir", ""},
	{`${EMPTY:-/x}`, "/x", ""},
	{`${EMPTY}/x`, "/x", ""},
	{`~`, "/home/ann", ""},
	{`~/images/a.raw`, "/home/ann/images/a.raw", ""},
	{`'$HOME'/x`, "/here/$HOME/x", ""},
	{`/a\ b`, "/a b", ""},
	{`/a\$b`, "/a$b", ""},
	{`"/a b"`, "/a b", ""},
	{`$GLOB/x`, "/here/*/x", ""},
	{`/a/*/b?`, "/a/*/b?", ""},
	{`/a/$HOME$((1+2))`, "/a/home/ann3", ""},

	{`/{a,b}`, "/{a,b}", ""},
	{`"$HOME/{a,b}"`, "/home/ann/{a,b}", ""},
	{`$HOME/{a,b}{1..9}`, "/home/ann/{a,b}{1..9}", ""},
	{`\~/$REL`, "/here/~/sub/dir", ""},
	{`~/a\ b\$c\\\"`, `/home/ann/a b$c\"`, ""},
	{`"a\b\$\\"`, `/here/a\b$\`, ""},
	{`${NOPE:-/a\ b}`, "/a b", ""},
	{`"${NOPE:-/a\$b}"`, "/a$b", ""},
	{`${HOME%\/*}`, "/home", ""},
	{`${REL%\/di?}`, "/here/sub", ""},
	{`/a\é`, "/aé", ""},

	{"", "", `"" is an empty path`},
	{`""`, "", `"\"\"" is an empty path`},
	{`$EMPTY`, "", `"$EMPTY" is an empty path`},
	{`$(id)/x`, "", `"$(id)/x": command substitution is not allowed`},
	{"`id`", "", "\"`id`\": command substitution is not allowed"},
	{`"${NOPE:-$(id)}"`, "", `"\"${NOPE:-$(id)}\"": command substitution is not allowed`},
	{`$NOPE/x`, "", `"$NOPE/x": NOPE: unbound variable`},
	{`${NOPE:?is needed}`, "", `"${NOPE:?is needed}": NOPE: is needed`},
	{`${NOPE:=/x}`, "", `"${NOPE:=/x}": environment is read-only`},
	{`$((NOPE=3))`, "", `"$((NOPE=3))": environment is read-only`},
	{`$((1/0))`, "", `"$((1/0))": division by zero`},
	{`$HOME $HOME`, "", `"$HOME $HOME" is 2 shell words, not one: quote the spaces`},
	{`"$HOME`, "", "\"\\\"$HOME\": reached EOF without closing quote `\"`"},
	{`${HOME`, "", "\"${HOME\": reached EOF without matching `${` with `}`"},
	{"/a\nb", "", `"/a\nb" contains a control character`},
	{"/a\x00b", "", `"/a\x00b" contains a control character`},
	{"/a\u009bb", "", `"/a\u009bb" contains a control character`},
	{"/a\xffb", "", `"/a\xffb" is not UTF-8 text`},
	{`$BAD`, "", `"a\nb" contains a control character`},
	{strings.Repeat("a", 5000), "", "longer than 4096 bytes"},
}

func TestPath(t *testing.T) {
	for _, tt := range tests {
		got, err := Path(tt.in, "/here", lookup)
		if got != tt.want || err == nil && tt.err != "" || err != nil && !strings.HasSuffix(err.Error(), tt.err) || err != nil && tt.err == "" {
			t.Errorf("%.50s: got %.50q, %v\nwant %q, %s", tt.in, got, err, tt.want, tt.err)
		}
	}
}

// The table says what a real shell does.
func TestShellAgrees(t *testing.T) {
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip(err)
	}
	for _, tt := range tests {
		if tt.err != "" || !strings.ContainsAny(tt.in, shellChars) {
			continue
		}
		cmd := exec.Command(sh, "-uc", "path="+tt.in+`; printf %s "$path"`)
		for name, value := range variables {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
		out, err := cmd.Output()
		got := string(out)
		if !filepath.IsAbs(got) {
			got = filepath.Join("/here", got)
		}
		if err != nil || filepath.Clean(got) != tt.want {
			t.Errorf("%s: sh gives %q, %v, and the table says %q", tt.in, out, err, tt.want)
		}
	}
}

func FuzzPath(f *testing.F) {
	for _, seed := range []string{
		"/a", `"$TMPDIR"/xchg`, `"${SHARED_DIR:-$TMPDIR/xchg}"`, "~/x", "~root/x", "$(id)", "`id`", `${#HOME}`, `${HOME%/*}`,
		`${HOME##*[a-z]}`, `$((self))`, `$((1<<70))`, `$'\n'`, `$@$*$#$?$-$$$!$0$1`, `${HOME:1:2}`, `${!HOME}`, `<(id)`,
		`${NOPE:=x}`, `$((x++))`, "\\", "$", "'", `"\`, `{a,b}$HOME`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		path, err := Path(s, "/here", lookup)
		if err != nil {
			if path != "" {
				t.Errorf("%q: %q and %v", s, path, err)
			}
			return
		}
		if !filepath.IsAbs(path) || filepath.Clean(path) != path || strings.ContainsFunc(path, unicode.IsControl) {
			t.Errorf("%q: got %q", s, path)
		}
	})
}

package casehack

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

func TestDemangle(t *testing.T) {
	for name, want := range map[string]string{
		"x~nix~case~hack~1":                   "x",
		"x.y z~nix~case~hack~12":              "x.y z",
		"~~nix~case~hack~1":                   "~",
		"x":                                   "",
		"x~nix~case~hack~":                    "",
		"x~nix~case~hack~1a":                  "",
		"~nix~case~hack~1":                    "",
		"x~nix~case~hack~1~nix~case~hack~2":   "", // Nix would take off all of it
		"x~NIX~case~hack~1":                   "",
		"x~nix~case~hack~1.conf":              "",
		"x~nix~case~hack~-1":                  "",
		"x~nix~case~hack~1~nix~case~hack~2~~": "",
	} {
		if got, ok := demangle(name); ok != (want != "") || ok && got != want {
			t.Errorf("%q: %q, %v", name, got, ok)
		}
	}
}

func TestList(t *testing.T) {
	names := []Name{
		{"h-b/d~nix~case~hack~1/-~nix~case~hack~1", "h-b/d/-"},
		{"h-b/d~nix~case~hack~1", "h-b/d"},
		{"h-a/a\\ \t\xff'\"~nix~case~hack~2", "h-a/a\\ \t\xff'\""},
		{"h-b/d~nix~case~hack~1/e/f~nix~case~hack~1", "h-b/d/e/f"},
	}
	want := "h-a/a\\ \t\xff'\"~nix~case~hack~2//h-a/a\\ \t\xff'\"\n" +
		"h-b/d~nix~case~hack~1//h-b/d\n" +
		"h-b/d~nix~case~hack~1/-~nix~case~hack~1//h-b/d/-\n" +
		"h-b/d~nix~case~hack~1/e/f~nix~case~hack~1//h-b/d/e/f\n"
	list := Format(names)
	if string(list) != want {
		t.Errorf("got\n%swant\n%s", list, want)
	}
	read, err := Parse(list)
	if err != nil || len(read) != len(names) || !slices.Equal(StorePaths(read), []string{"h-a", "h-b"}) {
		t.Errorf("%q, %v", read, err)
	}
	if list := Format(nil); len(list) != 0 {
		t.Errorf("without names: %q", list)
	}
}

func TestParseRefuses(t *testing.T) {
	const good = "h/x~nix~case~hack~1//h/x\n"
	for _, bad := range []string{
		"\n",
		"h/x~nix~case~hack~1//h/x", // no line break
		"h/x~nix~case~hack~1 h/x\n",
		"h/x~nix~case~hack~1//h/y\n",
		"h/x~nix~case~hack~1//i/x\n",
		"h/x~nix~case~hack~1//h/x/y\n",
		"h~nix~case~hack~1//h\n",
		"h/x//h/x\n",
		"h/d~nix~case~hack~1/x//h/d/x\n", // is there by its directory
		"h/../x~nix~case~hack~1//h/../x\n",
		"../x~nix~case~hack~1//../x\n",
		"/x~nix~case~hack~1///x\n",
		"h/./x~nix~case~hack~1//h/./x\n",
		"h/x~nix~case~hack~1\x00//h/x\n",
		good + good,
		"h/y~nix~case~hack~1//h/y\n" + good,
	} {
		if names, err := Parse([]byte(bad)); err == nil {
			t.Errorf("%q: %q", bad, names)
		} else if !strings.HasPrefix(err.Error(), "line ") {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if _, err := Parse([]byte(good)); err != nil {
		t.Error(err)
	}
}

// FuzzParse checks that what is read stays in one store path each, and is written
// again as it was.
func FuzzParse(f *testing.F) {
	f.Add([]byte("h/x~nix~case~hack~1//h/x\n"))
	f.Add([]byte("h/d~nix~case~hack~1//h/d\nh/d~nix~case~hack~1/x~nix~case~hack~2//h/d/x\n"))
	f.Add([]byte("h/../x~nix~case~hack~1//h/../x\n"))
	f.Fuzz(func(t *testing.T, list []byte) {
		names, err := Parse(list)
		if err != nil {
			return
		}
		for _, name := range names {
			for _, path := range []string{name.Stored, name.Real} {
				if !strings.HasPrefix(path, name.StorePath()+"/") || strings.Contains("/"+path+"/", "/../") ||
					strings.Contains(path, "\n") {
					t.Errorf("%q", name)
				}
			}
		}
		if again := Format(names); !bytes.Equal(again, list) {
			t.Errorf("%q is written as %q", list, again)
		}
	})
}

package nix

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestParseFlakeConfig(t *testing.T) {
	for _, test := range []struct {
		data string
		want []Setting
	}{
		{`{}`, nil},
		{`{"extra-substituters": ["https://a", "https://b"], "cores": 3, "a": true, "b": "c d", "e": []}`, []Setting{
			{"a", "true"}, {"b", "c d"}, {"cores", "3"}, {"e", ""}, {"extra-substituters", "https://a https://b"}}},
		{`{"a": "0"}`, []Setting{{"a", "0"}}},
	} {
		got, err := parseFlakeConfig([]byte(test.data))
		if err != nil || !slices.Equal(got, test.want) {
			t.Errorf("%s: %v, %v", test.data, got, err)
		}
	}
	for _, data := range []string{``, `[]`, `{"a": {}}`, `{"a": [1]}`, `{"a": null}`} {
		if got, err := parseFlakeConfig([]byte(data)); err == nil {
			t.Errorf("%s: %v", data, got)
		}
	}
}

// A flake that is not in the store is read where it lies, or put there.
func TestFlakeFile(t *testing.T) {
	tree, local := t.TempDir(), t.TempDir()
	install(t, map[string]string{"nix": `[ "$3 $4 $5 $6" = "flake prefetch --json github:o/r/0123" ] &&
		echo '{"hash": "sha256-x", "storePath": "` + tree + `"}'`})
	n := &Nix{nix: filepath.Join(os.Getenv("PATH"), "nix")}
	for _, tt := range []struct {
		flake Flake
		want  string // "": an error
	}{
		{Flake{Path: tree, Origin: local}, tree + "/flake.nix"},
		{Flake{Path: tree, Subdir: "sub"}, tree + "/sub/flake.nix"},
		{Flake{Path: "/nix/store/none", Subdir: "sub", Origin: local + "/sub"}, local + "/sub/flake.nix"},
		{Flake{Origin: local}, local + "/flake.nix"},
		{Flake{Path: "/nix/store/none", Subdir: "sub", Origin: "type=github", URL: "github:o/r/0123"}, tree + "/sub/flake.nix"},
		{Flake{Origin: "type=github", URL: "github:o/r/none"}, ""},
	} {
		if got, err := n.flakeFile(t.Context(), tt.flake); got != tt.want || (err == nil) != (tt.want != "") {
			t.Errorf("%+v: %q, %v", tt.flake, got, err)
		}
	}
}

func FuzzParseFlakeConfig(f *testing.F) {
	f.Add([]byte(`{"a": ["b", "c"], "d": true, "e": 1, "f": "g"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		settings, err := parseFlakeConfig(data)
		if err != nil && settings != nil {
			t.Errorf("%q: %v, %v", data, settings, err)
		}
	})
}

func TestSettingOption(t *testing.T) {
	for name, want := range map[string]string{
		"cores": "cores", "experimental-features": "extra-experimental-features", "extra-experimental-features": "extra-experimental-features",
	} {
		if got := (Setting{name, "x"}).Option(); !slices.Equal(got, []string{"--option", want, "x"}) {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func TestAnswers(t *testing.T) {
	file := filepath.Join(t.TempDir(), "trusted-settings.json")
	if err := os.WriteFile(file, []byte(`{"cores": {"3": true, "4": false}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for setting, want := range map[Setting]bool{
		{"cores", "3"}: true, {"cores", "4"}: false, {"cores", "5"}: false, {"other", "3"}: false,
		{"flake-registry", "x"}: true, {"bash-prompt-suffix", "x"}: true, {"extra-bash-prompt", "x"}: true,
	} {
		if got := ReadAnswers(file).Trust(setting); got != want {
			t.Errorf("%v: %v", setting, got)
		}
	}
	if err := os.WriteFile(file, []byte(`{"cores": 3`), 0o600); err != nil {
		t.Fatal(err)
	}
	if ReadAnswers(file).Trust(Setting{"cores", "3"}) || ReadAnswers(file+".none").Trust(Setting{"cores", "3"}) {
		t.Error("trusted without an answer")
	}
}

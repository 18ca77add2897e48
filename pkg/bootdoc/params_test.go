package bootdoc

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/nixvf/nixvf/pkg/fault"
)

// No entry of kernel-params takes the place of init= or regInfo=.
func TestSmuggledParams(t *testing.T) {
	for param, word := range map[string]string{
		"init=/evil":                          "init=/evil",
		"quiet init=/evil":                    "init=/evil",
		"quiet\u00a0init=/x":                  "init=/x",
		"a  regInfo=/x b":                     "regInfo=/x",
		`"init=/evil"`:                        `init=/evil"`,
		`a="b" "init=/evil x"`:                `init=/evil x"`,
		`dyndbg="file x +p; init=/in-quotes"`: "",
		"rdinit=/x a.init=/y":                 "",
	} {
		list, _ := json.Marshal([]string{"ok", param})
		_, _, err := Parse(fmt.Appendf(nil, `{"kernel": "/k", "initrd": "/i", "init": "/x", "kernel-params": %s}`, list))
		var want []string
		if word != "" {
			want = []string{fmt.Sprintf("kernel-params[1]: %q belongs into the key of that name", word)}
		}
		if got := fault.Lines(err); !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", param, got, want)
		}
		spec := fmt.Appendf(nil, `{"org.nixos.bootspec.v1": {"kernel": "/k", "initrd": "/i", "init": "/x", "kernelParams": %s}}`, list)
		if _, _, err := Parse(spec); (err != nil) != (word != "") {
			t.Errorf("bootspec: %q: %v", param, err)
		}
	}
	_, _, err := Parse([]byte(`{"kernel": "/k", "initrd": "/i", "init": "/x", "kernel-params": ["a=\"b"]}`))
	if want := `kernel-params[0]: "a=\"b" holds a quote that does not end`; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// A document cannot make the tools work for long, or say much.
func TestBoundedDocument(t *testing.T) {
	const head = `{"kernel": "/k", "initrd": "/i", "init": "/x", "kernel-params": [`
	var shares, rules, params []string
	for i := range 60000 {
		shares = append(shares, fmt.Sprintf(`"s%d": {"source": "/x", "target": "/x"}`, i))
		rules = append(rules, `{"guest": {"port": 1}, "host": {"port": 1}}`)
		params = append(params, "1")
	}
	for in, want := range map[string][]string{
		`], "virtualisation": {"sharedDirectories": {` + strings.Join(shares, ",") + `}}}`: {
			"virtualisation.sharedDirectories: 60000 entries, and at most 256 are taken"},
		`], "virtualisation": {"forwardPorts": [` + strings.Join(rules, ",") + `]}}`: {
			"virtualisation.forwardPorts: 60000 entries, and at most 4096 are taken"},
		`], "virtualisation": {"emptyDiskImages": [` + strings.Join(params, ",") + `]}}`: {
			"virtualisation.emptyDiskImages: 60000 entries, and at most 256 are taken"},
	} {
		if _, _, err := Parse([]byte(head + in)); !slices.Equal(fault.Lines(err), want) {
			t.Errorf("got %d lines, want %q", len(fault.Lines(err)), want)
		}
	}
	_, _, err := Parse([]byte(head + strings.Join(params, ",") + "]}"))
	if lines := fault.Lines(err); len(lines) != 51 || lines[50] != "there are more errors than these 50" {
		t.Errorf("%d lines, the last %q", len(lines), lines[len(lines)-1])
	}
}

func TestLaunchDocument(t *testing.T) {
	_, _, err := Parse([]byte(`{"version": 1, "argv": ["vfkit", "--gui"]}`))
	if want := "boot document: this is a launch document, which nixvf-args has made already: pipe it to nixvf-boot"; err == nil || err.Error() != want {
		t.Errorf("got %v", err)
	}
}

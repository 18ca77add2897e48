package nix

import (
	"reflect"
	"slices"
	"strings"
	"testing"
)

func TestBatches(t *testing.T) {
	tests := []struct {
		paths string
		limit int
		want  string // batches separated by |
	}{
		{"", 10, ""},
		{"aa bb cc", 9, "aa bb cc"},
		{"aa bb cc", 8, "aa bb|cc"},
		{"aa bb cc", 3, "aa|bb|cc"},
		{"aaaaaaaa b", 3, "aaaaaaaa|b"}, // one that is too long goes alone
	}
	for _, tt := range tests {
		var got []string
		for _, batch := range batches(strings.Fields(tt.paths), tt.limit) {
			got = append(got, strings.Join(batch, " "))
		}
		if strings.Join(got, "|") != tt.want {
			t.Errorf("%q in %d bytes: %q, want %q", tt.paths, tt.limit, got, tt.want)
		}
	}
}

func TestParseBuilt(t *testing.T) {
	want := map[string]map[string]string{"/x.drv": {"out": "/x", "dev": "/x-dev"}}
	for _, output := range []string{
		`[{"drvPath":"/x.drv","outputs":{"out":"/x","dev":"/x-dev"}},{"path":"/y"}]`,                              // 2.8
		`["/y",{"drvPath":"/x.drv","outputs":{"out":"/x","dev":"/x-dev"},"startTime":1,"stopTime":2,"cpu":null}]`, // 2.26
		`["/y",{"cpuSystem":0.1,"cpuUser":2.5,"drvPath":"/x.drv","outputs":{"dev":"/x-dev","out":"/x"}}]`,         // 2.35, Lix 2.95
	} {
		if got, err := parseBuilt([]byte(output)); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v, %v", output, got, err)
		}
	}
	for _, bad := range []string{``, `{}`, `[{"drvPath":1}]`} {
		if _, err := parseBuilt([]byte(bad)); err == nil {
			t.Errorf("%q: no error", bad)
		}
	}
}

func TestInstallables(t *testing.T) {
	want := Wanted{
		Outputs: map[string][]string{"/b.drv": {"dev", "out"}, "/a.drv": {"out"}},
		Paths:   []string{"/c"},
	}
	for version, args := range map[Version][]string{
		{2, 8}:  {"/a.drv", "/b.drv", "/c"},
		{2, 13}: {"/a.drv^out", "/b.drv^dev,out", "/c"},
	} {
		n := &Nix{Version: version}
		if got := n.installables(want); !slices.Equal(got, args) {
			t.Errorf("%v: %q, want %q", version, got, args)
		}
	}
}

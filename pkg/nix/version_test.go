package nix

import "testing"

func TestParseVersion(t *testing.T) {
	tests := []struct {
		output string
		want   Version // zero: an error
	}{
		{"nix (Nix) 2.8.0\n", Version{2, 8}},
		{"nix (Nix) 2.26.3", Version{2, 26}},
		{"nix (Nix) 2.29.0pre20250512_a1b2c3d", Version{2, 29}},
		{"nix (Nix) 2.30pre20250512_a1b2c3d", Version{2, 30}},
		{"nix (Lix, like Nix) 2.91.1\nSystem type: aarch64-darwin", Version{2, 91}},
		{"nix (Lix, like Nix) 2.94.0-dev-pre20250807-a1b2c3d", Version{2, 94}},
		{"nix (Determinate Nix 3.6.2) 2.29.0", Version{2, 29}},
		{"nix (Nix) 2.3.16 (patched)", Version{2, 3}},
		{"nix 10.11", Version{10, 11}},
		{"", Version{}},
		{"nix (Nix)", Version{}},
		{"nix (Nix) two.eight", Version{}},
		{"nix (Nix) 99999999.1", Version{}},
	}
	for _, tt := range tests {
		got, err := ParseVersion(tt.output)
		if got != tt.want || (err == nil) != (tt.want != Version{}) {
			t.Errorf("%q: %v, %v; want %v", tt.output, got, err, tt.want)
		}
	}
}

func TestAtLeast(t *testing.T) {
	for _, tt := range []struct {
		a, b Version
		want bool
	}{
		{Version{2, 8}, Version{2, 8}, true},
		{Version{2, 7}, Version{2, 8}, false},
		{Version{2, 13}, Version{2, 8}, true},
		{Version{3, 0}, Version{2, 8}, true},
		{Version{1, 99}, Version{2, 8}, false},
	} {
		if got := tt.a.AtLeast(tt.b); got != tt.want {
			t.Errorf("%v at least %v: %v", tt.a, tt.b, got)
		}
	}
}

func FuzzParseVersion(f *testing.F) {
	f.Add("nix (Nix) 2.8.0")
	f.Add("nix (Lix, like Nix) 2.91.1\nx")
	f.Add("nix (Determinate Nix 3.6.2) 2.29.0")
	f.Fuzz(func(t *testing.T, output string) {
		v, err := ParseVersion(output)
		if err != nil {
			return
		}
		again, err := ParseVersion("nix (Nix) " + v.String())
		if err != nil || again != v {
			t.Errorf("%q is %v, which is %v, %v", output, v, again, err)
		}
	})
}

package vfkit

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func TestShares(t *testing.T) {
	tests := []struct {
		text string
		tag  string
		want Share
	}{
		{"src=~/src", "src", Share{Path: "~/src"}},
		{"src=~/src:ro", "src", Share{Path: "~/src", ReadOnly: true}},
		{"src=/a:b:/mnt/src", "src", Share{Path: "/a:b", Target: "/mnt/src"}},
		{"src=rel:/mnt/src:ro", "src", Share{Path: "rel", Target: "/mnt/src", ReadOnly: true}},
		{"/a=b:/home/me/p", "home-me-p", Share{Path: "/a=b", Target: "/home/me/p"}},
		{"$HOME/p:/p:ro", "p", Share{Path: "$HOME/p", Target: "/p", ReadOnly: true}},
		{".:/work", "work", Share{Path: ".", Target: "/work"}},
		{"~:/" + strings.Repeat("long", 10), "share-45998f6e25", Share{Path: "~", Target: "/" + strings.Repeat("long", 10)}},
	}
	for _, tt := range tests {
		var s Shares
		if err := s.UnmarshalText([]byte(tt.text)); err != nil || !reflect.DeepEqual(s, Shares{tt.tag: tt.want}) {
			t.Errorf("%s: %v, %+v", tt.text, err, s)
		}
	}
	refused := []struct{ text, want string }{
		{"", `"" is neither TAG=PATH nor PATH:TARGET`},
		{"src", `"src" is neither TAG=PATH nor PATH:TARGET`},
		{"src=", `"src=" is neither TAG=PATH nor PATH:TARGET`},
		{"/a", `"/a" is neither TAG=PATH nor PATH:TARGET`},
		{"/a:b", `"/a:b" is neither TAG=PATH nor PATH:TARGET`},
		{"/a:/b/", `"/b/" is not an absolute path in its shortest form`},
		{"/a:/b c", `"/b c" contains a space, a quote, a colon or a backslash, which the kernel's command line cannot contain`},
		{"/a:/", `/ belongs to the guest: a share cannot be mounted there`},
		{"/a:/nix", `/nix belongs to the guest: a share cannot be mounted there`},
		{"/a:/nix/store/x", `/nix/store/x belongs to the guest: a share cannot be mounted there`},
		{"a b=/a:/b", `mount tag "a b" contains a space, a quote, a colon or a backslash, which the kernel's command line cannot contain`},
	}
	for _, tt := range refused {
		var s Shares
		if err := s.UnmarshalText([]byte(tt.text)); fmt.Sprint(err) != tt.want {
			t.Errorf("%s: %v, want %s", tt.text, err, tt.want)
		}
	}
	var s Shares
	if err := s.UnmarshalText([]byte("a=/a:/mnt")); err != nil {
		t.Fatal(err)
	}
	if err := s.UnmarshalText([]byte("b=/b:/mnt")); fmt.Sprint(err) != "/mnt is given to two shares" {
		t.Errorf("one place for two: %v", err)
	}
}

// The guest is told where each share belongs, and a read-only one is that on the
// host too.
func TestLaunchMounts(t *testing.T) {
	var s Shares
	for _, text := range []string{"z=/a:/mnt/z", "/b:/mnt/b:ro", "plain=/c"} {
		if err := s.UnmarshalText([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	doc, _, err := Launch(boot(t, settings("")), Options{Host: host(), Flags: Flags{Shares: s, KernelParams: []string{"-- one"}}})
	if err != nil {
		t.Fatal(err)
	}
	line := doc.Argv[slices.Index(doc.Argv, "--kernel-cmdline")+1]
	if !strings.HasSuffix(line, " nixvf.mount=mnt-b:/mnt/b:ro nixvf.mount=z:/mnt/z -- one") {
		t.Error(line)
	}
	if !slices.Contains(doc.ReadOnly, "mnt-b") || slices.Contains(doc.ReadOnly, "z") || slices.Contains(doc.ReadOnly, "plain") {
		t.Errorf("read-only: %q", doc.ReadOnly)
	}
}

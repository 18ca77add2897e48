package vfkit

import (
	"slices"
	"testing"
	"testing/fstest"

	"github.com/nixvf/nixvf/pkg/bootdoc"
)

func TestOutside(t *testing.T) {
	const here = ", which is there already in your home directory"
	shares := settings(`"sharedDirectories":{"nix-store":{"source":"/nix/store"}, "xchg":{"source":"\"$TMPDIR\"/xchg"},
		"a":{"source":"/srv/a","writable":true}, "b":{"source":"/srv/b","writable":false}, "c":{"source":"~/.ssh","writable":true},
		"d":{"source":"/home","writable":false}, "e":{"source":"~/new"}, "f":{"source":"/home/anna"}}`)
	for _, tt := range []struct {
		name            string
		boot            *bootdoc.Document
		options         Options
		notes, warnings []string
	}{
		{"as it comes", boot(t, ""), Options{Host: host()}, nil, nil},
		{"shares", boot(t, shares), Options{Host: host()}, []string{
			"virtualisation.sharedDirectories.a.source shares /srv/a with the guest, writable",
			"virtualisation.sharedDirectories.b.source shares /srv/b with the guest, read-only",
			"virtualisation.sharedDirectories.e.source shares /home/ann/new with the guest, writable",
			"virtualisation.sharedDirectories.f.source shares /home/anna with the guest, writable",
		}, []string{
			"virtualisation.sharedDirectories.c.source shares /home/ann/.ssh with the guest, writable" + here,
			"virtualisation.sharedDirectories.d.source shares /home with the guest, read-only" + here,
		}},
		{"shares of the user's", boot(t, settings(`"sharedDirectories":{"a":{"source":"/srv/a"}, "shared":{"source":"\"${SHARED_DIR:-$TMPDIR/xchg}\""}}`)),
			Options{Flags: Flags{Shares: Shares{"a": {Path: "~/.ssh"}}}, Host: host("SHARED_DIR=/home/ann/.ssh")}, nil, nil},
		{"disk", boot(t, settings(`"diskImage":"~/.bashrc"`)), Options{Host: host()}, nil,
			[]string{"virtualisation.diskImage has the guest's disk in /home/ann/.bashrc, writable" + here}},
		{"disk elsewhere", boot(t, settings(`"diskImage":"./x.raw"`)), Options{Host: host()},
			[]string{"virtualisation.diskImage has the guest's disk in /srv/x.raw, writable"}, nil},
		{"disk of the user's", boot(t, settings(`"diskImage":"~/.bashrc"`)), Options{Host: host("NIX_DISK_IMAGE=/d.raw")}, nil, nil},
		{"drives", boot(t, settings(`"qemu":{"drives":[{"file":"/d.raw"},{"file":"~/.bashrc"}]}`)), Options{Host: host()},
			[]string{"virtualisation.qemu.drives[0].file gives the guest the disk /d.raw, writable"},
			[]string{"virtualisation.qemu.drives[1].file gives the guest the disk /home/ann/.bashrc, writable" + here}},
		{"console", boot(t, settings(`"nixvf":{"console":"/home/ann/.bashrc"}`)), Options{Host: host()}, nil,
			[]string{"nixvf.console writes the guest's console to /home/ann/.bashrc" + here}},
		{"console of the user's", boot(t, settings(`"nixvf":{"console":"/home/ann/.bashrc"}`)), Options{Flags: Flags{Console: "stdio"}, Host: host()}, nil, nil},
		{"console on a terminal", boot(t, settings(`"nixvf":{"console":"pty"}`)), Options{Host: host()}, nil, nil},
	} {
		tt.options.Host.Files = fstest.MapFS{"home/ann/.bashrc": &fstest.MapFile{}, "home/ann/.ssh/id": &fstest.MapFile{}}
		notes, warnings := Outside(tt.boot, tt.options)
		if !slices.Equal(notes, tt.notes) || !slices.Equal(warnings, tt.warnings) {
			t.Errorf("%s: %q, %q", tt.name, notes, warnings)
		}
	}
}

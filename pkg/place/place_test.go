package place

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/nixvf/nixvf/pkg/bootdoc"
	"github.com/nixvf/nixvf/pkg/fault"
)

// host returns a host with the given variables, as in "HOME=/home/ann".
func host(variables ...string) Host {
	return Host{Dir: "/srv/flake", Lookup: func(name string) (string, bool) {
		for _, v := range variables {
			if value, ok := strings.CutPrefix(v, name+"="); ok {
				return value, true
			}
		}
		return "", false
	}}
}

func TestStateAndCache(t *testing.T) {
	tests := []struct {
		env                []string
		state, cache, fail string
	}{
		{[]string{"HOME=/home/ann"}, "/home/ann/.local/state/nixvf", "/home/ann/.cache/nixvf", ""},
		{[]string{"HOME=/home/ann", "XDG_STATE_HOME=/s", "XDG_CACHE_HOME=/c/"}, "/s/nixvf", "/c/nixvf", ""},
		{[]string{"HOME=/home/ann", "XDG_STATE_HOME=s", "XDG_CACHE_HOME="}, "/home/ann/.local/state/nixvf", "/home/ann/.cache/nixvf", ""},
		{nil, "", "", "neither XDG_STATE_HOME nor HOME is set to an absolute path"},
		{[]string{"HOME=ann"}, "", "", "neither XDG_STATE_HOME nor HOME is set to an absolute path"},
	}
	for _, tt := range tests {
		h := host(tt.env...)
		state, err := h.State()
		cache, _ := h.Cache()
		if state != tt.state || cache != tt.cache || (err != nil) != (tt.fail != "") || err != nil && err.Error() != tt.fail {
			t.Errorf("%q: %q, %q, %v", tt.env, state, cache, err)
		}
	}
}

func TestID(t *testing.T) {
	// The first is as published: disks are found by it, so it must not change.
	if got, want := ID("path:/srv/flake", "darwinVM"), "darwinVM-5fe26088"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	seen := map[string]string{}
	for _, id := range []struct{ origin, name string }{
		{"a", "x"}, {"b", "x"}, {"a", "y"}, {"a", ""}, {"a", "x/y"}, {"a", "x-y"}, {"a", "-x"}, {"a", "é"}, {"a", ".x"},
		{"a", strings.Repeat("x", 500)}, {"a", strings.Repeat("-", 500)}, {"a\x00x", ""},
	} {
		got := ID(id.origin, id.name)
		if err := bootdoc.CheckID(got); err != nil {
			t.Errorf("%q: %v", id, err)
		}
		if other, twice := seen[got]; twice {
			t.Errorf("%q and %q are both %s", id, other, got)
		}
		seen[got] = id.origin + " " + id.name
	}
	if ID("a", "") != ID("a", bootdoc.DefaultName) {
		t.Error("an empty name is not the default name")
	}
}

func TestVM(t *testing.T) {
	home := "HOME=/home/ann"
	tests := []struct {
		env                []string
		override, id, name string
		want, fail         string
	}{
		{[]string{home}, "", "doc", "x", "doc", ""},
		{[]string{home, "NIXVF_ID=env"}, "", "doc", "x", "env", ""},
		{[]string{home, "NIXVF_ID=env"}, "flag", "doc", "x", "flag", ""},
		{[]string{home}, "", "", "x", ID("/srv/flake", "x"), ""},
		{[]string{home}, "", "", "", ID("/srv/flake", "nixos"), ""},
		{[]string{home}, "../x", "doc", "x", "", "id:"},
		{[]string{home, "NIXVF_ID=a b"}, "", "doc", "x", "", "id:"},
		{nil, "", "doc", "x", "", "neither"},
	}
	for _, tt := range tests {
		vm, err := host(tt.env...).VM(tt.override, tt.id, tt.name)
		switch {
		case tt.fail != "":
			if err == nil || !strings.HasPrefix(err.Error(), tt.fail) {
				t.Errorf("%+v: got %v", tt, err)
			}
		case err != nil || vm.ID != tt.want || vm.Dir != "/home/ann/.local/state/nixvf/"+tt.want:
			t.Errorf("%+v: got %+v, %v", tt, vm, err)
		}
	}
}

func TestSockets(t *testing.T) {
	short := VM{Dir: "/home/ann/.local/state/nixvf/darwinVM-0123abcd"}
	if got := short.Sockets(); got != short.Run() {
		t.Errorf("got %s", got)
	}
	seen := map[string]bool{}
	for _, dir := range []string{
		"/" + strings.Repeat("a", 120), "/" + strings.Repeat("b", 120), "/a b", "/a#b", "/a?b", "/a%20b", "/aüb", "/a,b", "/a\\b", "/a~b",
	} {
		vm := VM{Dir: dir}
		if vm.Sockets() == vm.Run() {
			t.Errorf("%s: sockets cannot lie there", dir)
		}
		seen[vm.Sockets()] = true
	}
	if len(seen) != 10 {
		t.Errorf("not all different: %v", seen)
	}
	for length := range 150 {
		vm := VM{Dir: "/" + strings.Repeat("a", length)}
		if path := vm.Sockets() + longestSocket; len(path) > maxSocket {
			t.Errorf("%d bytes: %s", len(path), path)
		}
	}
}

func TestPath(t *testing.T) {
	vm := VM{ID: "x", Dir: "/state/x"}
	tests := []struct {
		env      []string
		in, want string
	}{
		{nil, "$NIXVF_STATE/x.raw", "/state/x/x.raw"},
		{[]string{"NIXVF_STATE=/elsewhere"}, "$NIXVF_STATE/x.raw", "/state/x/x.raw"},
		{nil, `"$TMPDIR"/xchg`, "/state/x/run/xchg"},
		{[]string{"TMPDIR=/tmp/me"}, `"$TMPDIR"/xchg`, "/state/x/run/xchg"},
		{[]string{"TMPDIR=/tmp/me", "USE_TMPDIR=1"}, `"$TMPDIR"/xchg`, "/tmp/me/xchg"},
		{[]string{"TMPDIR=/tmp/me", "USE_TMPDIR=yes"}, `"$TMPDIR"/xchg`, "/tmp/me/xchg"},
		{[]string{"TMPDIR=/tmp/me", "USE_TMPDIR="}, `"$TMPDIR"/xchg`, "/state/x/run/xchg"},
		{[]string{"USE_TMPDIR=1"}, `"$TMPDIR"/xchg`, "/state/x/run/xchg"},
		{nil, `"${SHARED_DIR:-$TMPDIR/xchg}"`, "/state/x/run/xchg"},
		{[]string{"SHARED_DIR=/home/ann/src"}, `"${SHARED_DIR:-$TMPDIR/xchg}"`, "/home/ann/src"},
		{[]string{"SHARED_DIR=src"}, `"${SHARED_DIR:-$TMPDIR/xchg}"`, "/srv/flake/src"},
		{[]string{"PWD=/lies"}, `"$PWD/x"`, "/srv/flake/x"},
		{[]string{"HOME=/home/ann"}, `~/x`, "/home/ann/x"},
		{nil, "./x.raw", "/srv/flake/x.raw"},
	}
	for _, tt := range tests {
		if got, err := host(tt.env...).Path(vm, tt.in); got != tt.want || err != nil {
			t.Errorf("%q %s: got %s, %v, want %s", tt.env, tt.in, got, err, tt.want)
		}
	}
}

func TestDisk(t *testing.T) {
	vm := VM{ID: "x", Dir: "/state/x"}
	def, relative, qcow2, broken := "$NIXVF_STATE/x.raw", "./vm.raw", "./vm.qcow2", "$(id)"
	image := []string{"NIX_DISK_IMAGE=/env.raw"}
	tests := []struct {
		name     string
		env      []string
		document *string
		flag     string
		want     string
		warnings int
		err      string
	}{
		{"document", nil, &def, "", "/state/x/x.raw", 0, ""},
		{"none", nil, nil, "", "", 0, ""},
		{"relative", nil, &relative, "", "/srv/flake/vm.raw", 0, ""},
		{"environment before document", image, &def, "", "/env.raw", 0, ""},
		{"environment gives no disk", image, nil, "", "", 0, ""},
		{"flag before all", image, &def, "~/f.raw", "/home/ann/f.raw", 0, ""},
		{"flag gives a disk", nil, nil, "f.raw", "/srv/flake/f.raw", 0, ""},
		{"qcow2", nil, &qcow2, "", "/srv/flake/vm.raw", 1, ""},
		{"bad document", nil, &broken, "", "", 0, `virtualisation.diskImage: "$(id)": command substitution is not allowed`},
		{"bad flag", nil, &def, "$(id)", "", 0, `--disk: "$(id)": command substitution is not allowed`},
		{"bad environment", []string{"NIX_DISK_IMAGE=$nope"}, &def, "", "", 0, `NIX_DISK_IMAGE: "$nope": nope: unbound variable`},
	}
	for _, tt := range tests {
		got, warnings, err := host(append(tt.env, "HOME=/home/ann")...).Disk(vm, tt.document, tt.flag)
		message := ""
		if err != nil {
			message = err.Error()
		}
		if got != tt.want || len(warnings) != tt.warnings || message != tt.err {
			t.Errorf("%s: got %q, %q, %v", tt.name, got, warnings, err)
		}
	}
}

func file(data string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(data)} }

func TestDiskLooksAtTheImage(t *testing.T) {
	const magic = "QFI\xfb\x00\x00\x00\x03"
	tests := []struct {
		name, disk, path string
		files            fstest.MapFS
		err, hint        string
	}{
		{"raw", "/i/a.raw", "/i/a.raw", fstest.MapFS{"i/a.raw": file("\x00\x00\x00\x00")}, "", ""},
		{"short", "/i/a.raw", "/i/a.raw", fstest.MapFS{"i/a.raw": file("QFI")}, "", ""},
		{"a directory", "/i/a.raw", "/i/a.raw", fstest.MapFS{"i/a.raw/x": file("x")}, "", ""},
		{"qcow2 called raw", "/i/a b.raw", "/i/a b.raw", fstest.MapFS{"i/a b.raw": file(magic)},
			`--disk: "/i/a b.raw" is a qcow2 image, and vfkit reads only raw images`,
			"qemu-img convert -O raw '/i/a b.raw' '/i/a b.raw.converted' converts it"},
		{"qcow2 to be converted", "/i/a.qcow2", "/i/a.raw", fstest.MapFS{"i/a.qcow2": file(magic)},
			`--disk: "/i/a.qcow2" is a qcow2 image, and vfkit reads only raw images`,
			"qemu-img convert -O raw /i/a.qcow2 /i/a.raw converts it"},
		{"qcow2 that was converted", "/i/a.qcow2", "/i/a.raw", fstest.MapFS{"i/a.qcow2": file(magic), "i/a.raw": file("")}, "", ""},
	}
	for _, tt := range tests {
		h := host()
		h.Files = tt.files
		path, _, err := h.Disk(VM{ID: "x", Dir: "/state/x"}, nil, tt.disk)
		message, hint := "", strings.Join(fault.Hints(err), "")
		if err != nil {
			message = err.Error()
		}
		if path != tt.path || message != tt.err || hint != tt.hint {
			t.Errorf("%s: got %q, %v, %q", tt.name, path, err, hint)
		}
	}
}

func TestDiskInFlake(t *testing.T) {
	const warning = "--disk: %s lies in a flake outside of git: Nix copies %s into its store at each evaluation, disk and all"
	tests := []struct {
		name, disk, flake string
		files             []string
	}{
		{"no flake", "/a/b/d.raw", "", []string{"a/b/x"}},
		{"flake", "/a/b/d.raw", "/a/b", []string{"a/b/flake.nix"}},
		{"flake above", "/a/b/c/d.raw", "/a", []string{"a/flake.nix", "a/b/c/x"}},
		{"nearest flake", "/a/b/c/d.raw", "/a/b", []string{"a/flake.nix", "a/b/flake.nix"}},
		{"flake beside", "/a/b/d.raw", "", []string{"a/c/flake.nix"}},
		{"git repository", "/a/b/d.raw", "", []string{"a/b/flake.nix", "a/b/.git/HEAD"}},
		{"git worktree", "/a/b/d.raw", "", []string{"a/b/flake.nix", "a/b/.git"}},
		{"flake in a subdirectory of a repository", "/a/b/d.raw", "", []string{"a/b/flake.nix", "a/.git/HEAD"}},
		{"repository in a flake", "/a/b/d.raw", "/a", []string{"a/flake.nix", "a/b/.git/HEAD"}},
		{"flake at the root", "/d.raw", "/", []string{"flake.nix"}},
	}
	for _, tt := range tests {
		h := host()
		files := fstest.MapFS{}
		for _, name := range tt.files {
			files[name] = file("")
		}
		h.Files = files
		_, warnings, err := h.Disk(VM{ID: "x", Dir: "/state/x"}, nil, tt.disk)
		var want []string
		if tt.flake != "" {
			want = []string{strings.NewReplacer("%s lies", tt.disk+" lies", "copies %s", "copies "+tt.flake).Replace(warning)}
		}
		if err != nil || !slices.Equal(warnings, want) {
			t.Errorf("%s: got %q, %v, want %q", tt.name, warnings, err, want)
		}
	}
}

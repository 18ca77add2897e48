package vfkit

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/nixvf/nixvf/pkg/bootdoc"
	"github.com/nixvf/nixvf/pkg/fault"
	"github.com/nixvf/nixvf/pkg/launchdoc"
	"github.com/nixvf/nixvf/pkg/place"
)

func TestNetworkDocument(t *testing.T) {
	port := func(host, guest int) bootdoc.ForwardPort {
		return bootdoc.ForwardPort{From: "host", Proto: "tcp", Host: bootdoc.Address{Port: host}, Guest: bootdoc.Address{Port: guest}}
	}
	one := settings(`"forwardPorts":[{"host":{"port":1},"guest":{"port":2}}]`)
	tests := []struct {
		fields   string
		options  Options
		ports    []bootdoc.ForwardPort
		restrict bool
	}{
		{"", Options{Host: host()}, nil, false},
		{one, Options{Host: host()}, []bootdoc.ForwardPort{port(1, 2)}, false},
		{one, Options{Host: host(), Flags: Flags{Net: NetNone}}, nil, false},
		{one, Options{Host: host("QEMU_NET_OPTS=hostfwd=tcp::1-:2,,restrict=on")}, []bootdoc.ForwardPort{port(1, 2)}, true},
		{settings(`"restrictNetwork":true`), Options{Host: host("QEMU_NET_OPTS=restrict=off")}, nil, true},
		{settings(`"restrictNetwork":true`), Options{Host: host(), Flags: Flags{Net: NetNone}}, nil, false},
		{one, Options{Host: host("QEMU_NET_OPTS=hostfwd=tcp::3-:4"), Flags: Flags{Forward: []Forward{Forward(port(5, 6))}}},
			[]bootdoc.ForwardPort{port(1, 2), port(3, 4), port(5, 6)}, false},
	}
	for _, tt := range tests {
		_, doc, _ := argv(t, tt.fields, tt.options)
		if !slices.Equal(doc.ForwardPorts, tt.ports) || doc.RestrictNetwork != tt.restrict {
			t.Errorf("%s: got %v, %v", tt.fields, doc.ForwardPorts, doc.RestrictNetwork)
		}
	}
}

func TestDirectories(t *testing.T) {
	share := func(source string) string {
		quoted, _ := json.Marshal(source)
		return settings(`"emptyDiskImages":[1],"sharedDirectories":{"a":{"source":` + string(quoted) + `},"b":{"source":` + string(quoted) + `}}`)
	}
	run := state + "/run"
	tests := []struct {
		source string
		env    []string
		want   []launchdoc.Directory
		empty  launchdoc.Disk
	}{
		{"/home/ann/src", nil, nil, launchdoc.Disk{Path: run + "/empty0.raw", Temporary: true}},
		{"$TMPDIR/x/y", nil, []launchdoc.Directory{{Path: run + "/x", Temporary: true}, {Path: run + "/x/y", Temporary: true}},
			launchdoc.Disk{Path: run + "/empty0.raw", Temporary: true}},
		{"$TMPDIR/../x", nil, nil, launchdoc.Disk{Path: run + "/empty0.raw", Temporary: true}},
		{"$NIXVF_STATE/runner", nil, nil, launchdoc.Disk{Path: run + "/empty0.raw", Temporary: true}},
		{"$TMPDIR/x/y", []string{"TMPDIR=/tmp/me/", "USE_TMPDIR=1"}, []launchdoc.Directory{{Path: "/tmp/me/x"}, {Path: "/tmp/me/x/y"}},
			launchdoc.Disk{Path: "/tmp/me/empty0.raw"}},
		{"$TMPDIR", []string{"TMPDIR=/tmp/me", "USE_TMPDIR=1"}, nil, launchdoc.Disk{Path: "/tmp/me/empty0.raw"}},
	}
	for _, tt := range tests {
		_, doc, _ := argv(t, share(tt.source), Options{Host: host(tt.env...)})
		tt.empty.Size, tt.empty.Format = 1<<20, launchdoc.FormatNone
		if !slices.Equal(doc.Directories, tt.want) || doc.Disks[1] != tt.empty {
			t.Errorf("%s %q: got %+v, %+v", tt.source, tt.env, doc.Directories, doc.Disks[1])
		}
	}
}

func TestLaunchErrors(t *testing.T) {
	const comma = " contains a comma: vfkit separates device options with commas and has no escape for them"
	long := strings.Repeat("x", 2047-len("quiet console=hvc0 init=/s/init "))
	tests := []struct {
		name, fields string
		options      Options
		want         []string
		code         int
	}{
		{"commas", settings(`"diskImage":"/a,b.raw","sharedDirectories":{"s":{"source":"/c,d"}}`),
			Options{Flags: Flags{Shares: Shares{"t": {Path: "e,f"}}, Console: "g,h"}, Host: host()}, []string{
				`virtualisation.diskImage: "/a,b.raw"` + comma, `virtualisation.sharedDirectories.s.source: "/c,d"` + comma,
				`--share t: "/srv/e,f"` + comma, `--console: "/srv/g,h"` + comma}, 2},
		{"commas in the state directory", settings(`"emptyDiskImages":[1]`), Options{Flags: Flags{Vsock: []Port{1}}, Host: host("XDG_STATE_HOME=/a,b")}, []string{
			`virtualisation.diskImage: "/a,b/nixvf/x-1/x.raw"` + comma, `virtualisation.emptyDiskImages: "/a,b/nixvf/x-1/run/empty0.raw"` + comma}, 1},
		{"expansions", settings(`"diskImage":"$(id)","sharedDirectories":{"s":{"source":"$nope/x"}}`), Options{Host: host()}, []string{
			`virtualisation.diskImage: "$(id)": command substitution is not allowed`,
			`virtualisation.sharedDirectories.s.source: "$nope/x": nope: unbound variable`}, 1},
		{"tags", "", Options{Flags: Flags{Shares: Shares{"": {Path: "/a"}, "b,c": {Path: "/a"}, strings.Repeat("d", 37): {Path: "/a"}}}, Host: host()}, []string{
			`--share : mount tag "" must have 1 to 36 bytes`, `--share b,c: mount tag "b,c" contains a comma, which vfkit does not accept`,
			"--share " + strings.Repeat("d", 37) + `: mount tag "` + strings.Repeat("d", 37) + `" must have 1 to 36 bytes`}, 2},
		{"a tag twice", settings(`"rosetta":{"enable":true,"mountTag":"nix-store"}`),
			Options{Rest: []string{"--device", "virtio-fs,sharedDir=/x,mountTag=nix-store"}, Host: host()},
			[]string{`mount tag "nix-store" is given to more than one share`}, 1},
		{"the run directory", settings(`"sharedDirectories":{"s":{"source":"$TMPDIR"}}`), Options{Host: host()}, []string{
			`virtualisation.sharedDirectories.s.source: "` + state + `/run" is the VM's own run directory: share one in it, like $TMPDIR/xchg`}, 1},
		{"ports that collide", settings(`"forwardPorts":[{"host":{"port":1},"guest":{"port":2}}]`), Options{Host: host("QEMU_NET_OPTS=hostfwd=tcp::1-:3")},
			[]string{"forwardPorts: tcp port 1 of the host is forwarded to more than one place"}, 1},
		{"QEMU_NET_OPTS", "", Options{Host: host("QEMU_NET_OPTS=hostfwd=tcp:1")},
			[]string{`QEMU_NET_OPTS: "hostfwd=tcp:1": not of the form tcp:[ADDRESS]:PORT-[GUEST]:PORT`}, 1},
		{"network", "", Options{Flags: Flags{Net: "bridge"}, Host: host()}, []string{`--net: "bridge" is neither nat nor none`}, 2},
		{"id", "", Options{Flags: Flags{ID: "a/b"}, Host: host()}, []string{`id: "a/b" is not made of at most 160 letters, digits, '.', '_' and '-'`}, 1},
		{"longest command line", "", Options{Flags: Flags{KernelParams: []string{long}}, Host: host()}, nil, 0},
		{"too long a command line", "", Options{Flags: Flags{KernelParams: []string{long + "x"}}, Host: host()},
			[]string{`kernel-params: the kernel's command line is 2048 bytes long, which is more than 2047`}, 1},
		{"line breaks", "", Options{Flags: Flags{KernelParams: []string{"a\nb"}}, Host: host("NIXVF_KERNEL_PARAMS=c\nd", "QEMU_KERNEL_PARAMS=e\x1b")}, []string{
			`QEMU_KERNEL_PARAMS: "e\x1b" is not one line of text`, `NIXVF_KERNEL_PARAMS: "c\nd" is not one line of text`,
			`--kernel-param: "a\nb" is not one line of text`}, 2},
		{"spaces in paths", `,"regInfo":"/r e\"g"`, Options{Host: host()},
			[]string{`regInfo: "/r e\"g" contains a space or a quote, which the kernel's command line cannot contain`}, 1},
		{"rest", "", Options{Rest: []string{"--bogus"}, Host: host()}, []string{"unknown flag: --bogus"}, 2},
		{"rest is a word", "", Options{Rest: []string{"x"}, Host: host()}, []string{`"x" is neither a flag nor a flag's value`}, 2},
		{"rest asks for help", "", Options{Rest: []string{"--help"}, Host: host()}, []string{"--help is not a flag that starts a VM"}, 2},
		{"rest has wrong devices", "", Options{Rest: []string{"--device", "virtio-blk", "--device", "x,y"}, Host: host()}, []string{
			`--device "virtio-blk": virtio-blk needs the path of a disk image`, `--device "x,y": unknown device type: x`}, 2},
		{"rest has another boot loader", "", Options{Rest: []string{"--bootloader", "efi"}, Host: host()},
			[]string{"if any flags in the group [initrd bootloader] are set none of the others can be; [bootloader initrd] were all set"}, 2},
		{"rest is not text", "", Options{Rest: []string{"--pidfile", "/a\xff"}, Host: host()}, []string{`argv: "/a\xff" is not plain text`}, 1},
		{"certificates", settings(`"useHostCerts":true`), Options{Host: host("NIX_SSL_CERT_FILE=/a\nb")}, []string{`NIX_SSL_CERT_FILE: "/a\nb" contains a control character`}, 1},
	}
	for _, tt := range tests {
		doc, _, err := Launch(boot(t, tt.fields), tt.options)
		if got := fault.Lines(err); !slices.Equal(got, tt.want) || fault.Code(err) != tt.code || (doc == nil) != (err != nil) {
			t.Errorf("%s: status %d, got  %q\nwant %q", tt.name, fault.Code(err), got, tt.want)
		}
	}
}

func TestNoHome(t *testing.T) {
	_, _, err := Launch(boot(t, ""), Options{Host: place.Host{Dir: "/", Lookup: func(string) (string, bool) { return "", false }}})
	if want := "neither XDG_STATE_HOME nor HOME is set to an absolute path"; err == nil || err.Error() != want {
		t.Errorf("got %v", err)
	}
}

func TestMACOf(t *testing.T) {
	// As published: the address by which the host's network knows the VM.
	if got, want := MACOf("x-1").String(), "52:e0:f2:6c:5c:92"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	seen := map[string]bool{}
	for _, id := range []string{"a", "b", "x-1", "x-2", ""} {
		mac := MACOf(id)
		if len(mac) != 6 || mac[0]&1 != 0 || mac[0]&2 == 0 || seen[mac.String()] {
			t.Errorf("%s: %s", id, mac)
		}
		seen[mac.String()] = true
	}
}

// Whatever boot document parses, with whatever flags, nixvf-boot can read what
// comes of it.
func FuzzLaunch(f *testing.F) {
	f.Add(`{"kernel":"/k","initrd":"/i","init":"/init","kernel-params":[]}`, "", "", "a", "x", "stdio")
	f.Add(`{"kernel":"/k","initrd":"/i","init":"/init","kernel-params":["a,b"],"regInfo":"/r","virtualisation":{
		"graphics":true,"emptyDiskImages":[1],"rosetta":{"enable":true},"useHostCerts":true,"restrictNetwork":true,
		"sharedDirectories":{"a":{"source":"\"$TMPDIR\"/x"}},"forwardPorts":[{"host":{"port":1},"guest":{"port":2}}]}}`,
		"hostfwd=tcp::3-:4,restrict=on", "quiet", "tag", "~/x", "pty")
	f.Add(`{"kernel":"/-k","initrd":"/i","init":"/init","kernel-params":["-x"],"name":"é","virtualisation":{"diskImage":"--x"}}`, "", "", "-", "-", "-")
	f.Fuzz(func(t *testing.T, document, netOpts, params, tag, path, console string) {
		boot, _, err := bootdoc.Parse([]byte(document))
		if err != nil {
			return
		}
		doc, _, err := Launch(boot, Options{
			Flags: Flags{Shares: Shares{tag: {Path: path}}, Console: console, Disk: path, KernelParams: []string{params}, Vsock: []Port{1}},
			Host:  host("QEMU_NET_OPTS="+netOpts, "NIXVF_KERNEL_PARAMS="+params, "NIX_SSL_CERT_FILE="+path),
		})
		if err != nil {
			if err.Error() == "" {
				t.Error("an error without a message")
			}
			return
		}
		out, err := doc.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		again, err := launchdoc.Parse(out)
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		if len(doc.Roots) == 0 {
			doc.Roots = nil
		}
		if !reflect.DeepEqual(again, doc) {
			t.Errorf("got  %+v\nwant %+v", again, doc)
		}
		for _, format := range []string{launchdoc.Shell, launchdoc.Lines, launchdoc.Null} {
			if _, err := doc.Render(format); err != nil {
				t.Errorf("%s: %v", format, err)
			}
		}
	})
}

// With an image of the store there is no share of it, and the image can only be
// read. Its path tells closures apart, whatever their order.
func TestStoreImage(t *testing.T) {
	launch := func(roots string) (*launchdoc.Document, error) {
		doc, _, err := Launch(boot(t, settings(`"store":"image"`)+roots), Options{Host: host()})
		return doc, err
	}
	first, err := launch(`,"roots":["/nix/store/a","/nix/store/b"]`)
	if err != nil {
		t.Fatal(err)
	}
	image := first.Images[0].Path
	argv := strings.Join(first.Argv, " ")
	if !strings.Contains(argv, "--device virtio-blk,path="+image+",readonly,deviceId=nix-store ") || strings.Contains(argv, "virtio-fs") {
		t.Errorf("argv: %s", argv)
	}
	if !strings.HasPrefix(image, "/home/ann/.cache/nixvf/stores/") || len(first.Images) != 1 || len(first.Images[0].Closure) != 2 || first.ReadOnly != nil {
		t.Errorf("%+v, %q", first.Images, first.ReadOnly)
	}
	same, err := launch(`,"roots":["/nix/store/b","/nix/store/a","/nix/store/b"]`)
	if err != nil || same.Images[0].Path != image {
		t.Errorf("the same closure: %v, %v", same, err)
	}
	other, err := launch(`,"roots":["/nix/store/a"]`)
	if err != nil || other.Images[0].Path == image {
		t.Errorf("another closure: %v, %v", other, err)
	}
	_, err = launch("")
	if want := "store: an image is made from the document's roots, and it has none"; err == nil || err.Error() != want {
		t.Errorf("no roots: %v", err)
	}
}

// A flag gives a system that is made for the share an image; the other way round
// it cannot be.
func TestStoreFlag(t *testing.T) {
	launch := func(store, flag string) (*launchdoc.Document, error) {
		doc, _, err := Launch(boot(t, settings(`"store":"`+store+`"`)+`,"roots":["/nix/store/a"]`), Options{Host: host(), Flags: Flags{Store: flag}})
		return doc, err
	}
	tests := []struct {
		store, flag string
		image, says bool // what the VM gets, and whether its stage 1 is told
		want        string
	}{
		{store: "share"}, {store: "share", flag: "share"}, {store: "share", flag: "image", image: true, says: true},
		{store: "image", image: true}, {store: "image", flag: "image", image: true},
		{store: "image", flag: "share", want: "--store share: the system is made for an image"},
		{store: "share", flag: "disk", want: `--store: "disk" is neither share nor image`},
	}
	for _, tt := range tests {
		doc, err := launch(tt.store, tt.flag)
		if tt.want != "" {
			if err == nil || err.Error() != tt.want {
				t.Errorf("%+v: %v", tt, err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		argv := strings.Join(doc.Argv, " ")
		if (len(doc.Images) == 1) != tt.image || strings.Contains(argv, "mountTag=nix-store") == tt.image || strings.Contains(argv, " nixvf.store=image") != tt.says {
			t.Errorf("%+v: %s", tt, argv)
		}
	}
}

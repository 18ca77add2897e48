package bootdoc

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/nixvf/nixvf/pkg/fault"
)

const minimal = `{"kernel":"/k","initrd":"/i","init":"/init","kernel-params":[]}`

// full has every key of the document, with values that are not the defaults.
const full = `{
  "version": 1,
  "name": "web.prod",
  "id": "web.prod-0123abcd",
  "system": "aarch64-linux",
  "label": "26.11 (Xantusia)",
  "toplevel": "/nix/store/a-nixos",
  "kernel": "/nix/store/b-linux/Image",
  "initrd": "/nix/store/c-initrd/initrd",
  "init": "/nix/store/a-nixos/init",
  "kernel-params": [
    "loglevel=4",
    "lsm=landlock,yama,bpf"
  ],
  "regInfo": "/nix/store/d-closure/registration",
  "roots": [
    "/nix/store/a-nixos",
    "/nix/store/d-closure"
  ],
  "virtualisation": {
    "cores": 4,
    "memorySize": 4096,
    "diskImage": "./web.raw",
    "diskSize": 20480,
    "useDefaultFilesystems": false,
    "emptyDiskImages": [
      512,
      {
        "size": 1024,
        "driveConfig": {
          "deviceExtraOpts": {
            "serial": "data"
          }
        }
      }
    ],
    "qemu": {
      "drives": [
        {
          "file": "./own.raw",
          "deviceExtraOpts": {
            "serial": "own"
          }
        }
      ]
    },
    "sharedDirectories": {
      "nix-store": {
        "source": "/nix/store",
        "target": "/nix/.ro-store",
        "writable": false
      },
      "xchg": {
        "source": "\"$TMPDIR\"/xchg",
        "target": "/tmp/xchg",
        "writable": true
      }
    },
    "forwardPorts": [
      {
        "from": "guest",
        "proto": "udp",
        "host": {
          "address": "127.0.0.1",
          "port": 2222
        },
        "guest": {
          "address": "10.0.2.15",
          "port": 22
        }
      }
    ],
    "graphics": true,
    "resolution": {
      "x": 1920,
      "y": 1080
    },
    "writableStore": false,
    "rosetta": {
      "enable": true,
      "mountTag": "vz-rosetta"
    },
    "restrictNetwork": true,
    "useHostCerts": true,
    "credentials": {
      "key": "~/key"
    },
    "store": "image",
    "nixvf": {
      "mac": "52:54:00:12:34:56",
      "vsock": [
        22
      ],
      "console": "pty",
      "nested": true,
      "clock": true,
      "ssh": {
        "enable": true,
        "user": "me"
      }
    },
    "of the future": "<kept>"
  }
}
`

func ptr[T any](v T) *T { return &v }

func fullDocument() *Document {
	return &Document{
		Version: 1, Name: "web.prod", ID: "web.prod-0123abcd", System: "aarch64-linux",
		Label: "26.11 (Xantusia)", Toplevel: "/nix/store/a-nixos",
		Kernel: "/nix/store/b-linux/Image", Initrd: "/nix/store/c-initrd/initrd", Init: "/nix/store/a-nixos/init",
		KernelParams: []string{"loglevel=4", "lsm=landlock,yama,bpf"},
		RegInfo:      "/nix/store/d-closure/registration",
		Roots:        []string{"/nix/store/a-nixos", "/nix/store/d-closure"},
		Virtualisation: Virtualisation{
			Cores: 4, MemorySize: 4096, DiskImage: ptr("./web.raw"), DiskSize: 20480,
			EmptyDiskImages: []EmptyDisk{{Size: 512}, {Size: 1024, DriveConfig: serial("data")}},
			QEMU:            QEMU{Drives: []Drive{{File: "./own.raw", DriveConfig: serial("own")}}},
			SharedDirectories: map[string]SharedDirectory{
				"nix-store": {Source: "/nix/store", Target: "/nix/.ro-store"},
				"xchg":      {Source: `"$TMPDIR"/xchg`, Target: "/tmp/xchg", Writable: true},
			},
			ForwardPorts: []ForwardPort{{
				From: "guest", Proto: "udp",
				Host: Address{"127.0.0.1", 2222}, Guest: Address{"10.0.2.15", 22},
			}},
			Graphics: true, Resolution: Resolution{1920, 1080},
			Rosetta:         Rosetta{Enable: true, MountTag: "vz-rosetta"},
			RestrictNetwork: true, UseHostCerts: true, Store: StoreImage, Credentials: map[string]string{"key": "~/key"},
			Nixvf: Nixvf{MAC: "52:54:00:12:34:56", Vsock: []int{22}, Console: "pty", Nested: true, Clock: true, SSH: SSH{Enable: true, User: "me"}},
		},
	}
}

func TestParse(t *testing.T) {
	small := &Document{Version: 1, Name: "nixos", Kernel: "/k", Initrd: "/i", Init: "/init",
		KernelParams: []string{}, Virtualisation: Defaults("nixos")}
	with := func(change func(*Document)) *Document {
		d := *small
		change(&d)
		return &d
	}
	tests := []struct {
		name, in string
		want     *Document
	}{
		{"defaults", minimal, small},
		{"everything", full, fullDocument()},
		{"null means absent", strings.Replace(minimal, "{", `{"name":null,"id":null,"regInfo":null,"roots":null,"virtualisation":null,`, 1), small},
		{"unknown keys", strings.Replace(minimal, "{", `{"x":1,"virtualisation":{"vlans":[1]},`, 1), small},
		{"no disk", strings.Replace(minimal, "{", `{"virtualisation":{"diskImage":null},`, 1),
			with(func(d *Document) { d.Virtualisation.DiskImage = nil })},
		{"no shares", strings.Replace(minimal, "{", `{"virtualisation":{"sharedDirectories":{}},`, 1),
			with(func(d *Document) { d.Virtualisation.SharedDirectories = map[string]SharedDirectory{} })},
		{"writable unless the store", strings.Replace(minimal, "{", `{"virtualisation":{"sharedDirectories":{"nix-store":{"source":"/s"},"a":{"source":"~"}}},`, 1),
			with(func(d *Document) {
				d.Virtualisation.SharedDirectories = map[string]SharedDirectory{
					"nix-store": {Source: "/s"}, "a": {Source: "~", Writable: true}}
			})},
		{"odd name", strings.Replace(minimal, "{", `{"name":"a/b é",`, 1), with(func(d *Document) {
			d.Name = "a/b é"
			d.Virtualisation.DiskImage = ptr("$NIXVF_STATE/a-b--.raw")
		})},
	}
	for _, tt := range tests {
		got, warnings, err := Parse([]byte(tt.in))
		if err != nil || len(warnings) > 0 {
			t.Errorf("%s: %v, %q", tt.name, err, warnings)
			continue
		}
		got.Virtualisation.raw = nil
		if !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: got  %+v\nwant %+v", tt.name, got, tt.want)
		}
	}
}

func TestParseErrors(t *testing.T) {
	with := func(fields string) string { return strings.Replace(minimal, "{", "{"+fields+",", 1) }
	settings := func(fields string) string { return with(`"virtualisation":{` + fields + `}`) }
	tests := []struct {
		in   string
		want []string
	}{
		{``, []string{"boot document: not a complete JSON document"}},
		{`[]`, []string{"boot document: an array, not an object"}},
		{minimal[:40], []string{"boot document: not a complete JSON document"}},
		{`{}`, []string{"kernel: missing or empty", "initrd: missing or empty", "init: missing or empty", "kernel-params: missing"}},
		{`{"kernel":"k","initrd":"","init":1,"kernel-params":"quiet"}`, []string{
			`kernel: "k" is not an absolute path`, "initrd: missing or empty",
			"init: a number, where a string is wanted", "kernel-params: a string, where an array is wanted"}},
		{with(`"version":2`), []string{"version: 2 is not a whole number from 1 to 1"}},
		{with(`"version":"1"`), []string{"version: a string, where a number is wanted"}},
		{with(`"name":""`), []string{`name: "" must have 1 to 128 bytes`}},
		{with(`"name":"a\u001b[2Jb"`), []string{`name: "a\x1b[2Jb" contains a control character`}},
		{with(`"id":"../x"`), []string{`id: "../x" is not an id`}},
		{with(`"id":"a","id":"b"`), []string{"id: is given twice"}},
		{with(`"roots":["/a","b","/c/"]`), []string{
			`roots[1]: "b" is not an absolute path in its shortest form`,
			`roots[2]: "/c/" is not an absolute path in its shortest form`}},
		{with(`"regInfo":"r","toplevel":"t"`), []string{`toplevel: "t" is not an absolute path`, `regInfo: "r" is not an absolute path`}},
		{with(`"virtualisation":[]`), []string{"virtualisation: an array, where an object is wanted"}},
		{strings.Replace(minimal, "[]", `["init=/x","a","regInfo=/y"]`, 1), []string{
			`kernel-params[0]: "init=/x" belongs into the key of that name`,
			`kernel-params[2]: "regInfo=/y" belongs into the key of that name`}},
		{settings(`"cores":0,"memorySize":-1,"diskSize":1.5`), []string{
			"virtualisation.cores: 0 is not a whole number from 1 to 1024",
			"virtualisation.memorySize: -1 is not a whole number from 1 to 1073741824",
			"virtualisation.diskSize: 1.5 is not a whole number from 1 to 1073741824"}},
		{settings(`"diskImage":""`), []string{"virtualisation.diskImage: an empty string; null means no disk"}},
		{settings(`"emptyDiskImages":[0,{},{"size":1,"driveConfig":{"deviceExtraOpts":{"serial":"a,b"}}},"1"]`), []string{
			"virtualisation.emptyDiskImages[0]: 0 is not a whole number from 1 to 1073741824",
			"virtualisation.emptyDiskImages[3]: a string, where a number is wanted",
			"virtualisation.emptyDiskImages[1].size: missing",
			`virtualisation.emptyDiskImages[2].driveConfig.deviceExtraOpts.serial: serial number "a,b" is not of at most 20 letters, digits and signs without a comma`,
		}},
		{settings(`"qemu":{"drives":[{},{"file":"/x","deviceExtraOpts":{"serial":"123456789012345678901"}}]}`), []string{
			"virtualisation.qemu.drives[0].file: missing or empty",
			`virtualisation.qemu.drives[1].deviceExtraOpts.serial: serial number "123456789012345678901" is not of at most 20 letters, digits and signs without a comma`}},
		{settings(`"sharedDirectories":{"a,b":{"source":"/x"},"":{"source":"/x"},"t":{"target":"m"},"u":3}`), []string{
			`virtualisation.sharedDirectories.a,b: mount tag "a,b" contains a comma, which vfkit does not accept`,
			`virtualisation.sharedDirectories: mount tag "" must have 1 to 36 bytes`,
			"virtualisation.sharedDirectories.t.source: missing or empty",
			`virtualisation.sharedDirectories.t.target: "m" is not an absolute path`,
			"virtualisation.sharedDirectories.u: a number, where an object is wanted"}},
		{settings(`"forwardPorts":[{"from":"x","proto":"sctp","host":{"address":"localhost"}},{"host":{"port":65536},"guest":{"port":0,"address":"fe80::1%x"}}]`), []string{
			`virtualisation.forwardPorts[0].from: "x" is not one of host, guest`,
			`virtualisation.forwardPorts[0].proto: "sctp" is not one of tcp, udp`,
			"virtualisation.forwardPorts[0].host.port: missing",
			`virtualisation.forwardPorts[0].host.address: "localhost" is not an IP address`,
			"virtualisation.forwardPorts[0].guest: missing",
			"virtualisation.forwardPorts[1].host.port: 65536 is not a whole number from 1 to 65535",
			`virtualisation.forwardPorts[1].guest.address: "fe80::1%x" is not an IP address`,
			"virtualisation.forwardPorts[1].guest.port: 0 is not a whole number from 1 to 65535"}},
		{settings(`"graphics":1,"resolution":{"x":0},"rosetta":{"enable":"yes","mountTag":""}`), []string{
			"virtualisation.graphics: a number, where true or false is wanted",
			"virtualisation.resolution.x: 0 is not a whole number from 1 to 65536",
			"virtualisation.rosetta.enable: a string, where true or false is wanted",
			`virtualisation.rosetta.mountTag: mount tag "" must have 1 to 36 bytes`}},
	}
	for _, tt := range tests {
		_, _, err := Parse([]byte(tt.in))
		if got := fault.Lines(err); !slices.Equal(got, tt.want) {
			t.Errorf("%s:\ngot  %q\nwant %q", tt.in, got, tt.want)
		}
	}
}

const bootspec = `{"org.nixos.bootspec.v1": {"system":"aarch64-linux","label":"NixOS","toplevel":"/t",
	"kernel":"/k","initrd":"/i","init":"/t/init","kernelParams":["quiet"]}`

func TestBareBootspec(t *testing.T) {
	for _, tt := range []struct {
		in, warning string
		cores       int
	}{
		{bootspec + "}", "input is a bare bootspec: nothing is known of its Nix database (regInfo), shares and disks; defaults apply", 1},
		{bootspec + `,"io.github.nixvf.v1":{"cores":3}}`, "input is a bare bootspec: nothing is known of its Nix database (regInfo)", 3},
	} {
		doc, warnings, err := Parse([]byte(tt.in))
		if err != nil || !slices.Equal(warnings, []string{tt.warning}) {
			t.Errorf("%v, %q", err, warnings)
			continue
		}
		if doc.Kernel != "/k" || doc.Init != "/t/init" || !slices.Equal(doc.KernelParams, []string{"quiet"}) ||
			doc.Virtualisation.Cores != tt.cores || doc.Name != DefaultName || doc.RegInfo != "" {
			t.Errorf("got %+v", doc)
		}
	}
}

func TestBootspec(t *testing.T) {
	if _, err := Bootspec([]byte(bootspec + `,"io.github.nixvf.v1":{}}`)); err != nil {
		t.Error(err)
	}
	for in, want := range map[string][]string{
		`{}`: {`"org.nixos.bootspec.v1": missing`, `"io.github.nixvf.v1": missing`},
		bootspec + `,"io.github.nixvf.v1":{"cores":"x"}}`: {`"io.github.nixvf.v1".cores: a string, where a number is wanted`},
		`{"org.nixos.bootspec.v1":{},"io.github.nixvf.v1":{}}`: {
			`"org.nixos.bootspec.v1".kernel: missing or empty`, `"org.nixos.bootspec.v1".initrd: missing or empty`,
			`"org.nixos.bootspec.v1".init: missing or empty`},
	} {
		_, err := Bootspec([]byte(in))
		if got := fault.Lines(err); !slices.Equal(got, want) {
			t.Errorf("%s:\ngot  %q\nwant %q", in, got, want)
		}
	}
}

// A document is printed as it was read, unknown settings and all.
func TestMarshal(t *testing.T) {
	doc, _, err := Parse([]byte(full))
	if err != nil {
		t.Fatal(err)
	}
	out, err := doc.Marshal()
	if err != nil || string(out) != full {
		t.Errorf("%v, got\n%s", err, out)
	}
}

// What is not read but built is printed with all settings, and means the same
// when it is read.
func TestMarshalBuilt(t *testing.T) {
	for _, doc := range []*Document{
		fullDocument(),
		{Version: 1, Name: "a b", Kernel: "/k", Initrd: "/i", Init: "/init", KernelParams: []string{}, Virtualisation: Defaults("a b")},
	} {
		out, err := doc.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		again, _, err := Parse(out)
		if err != nil {
			t.Fatalf("%v:\n%s", err, out)
		}
		again.Virtualisation.raw = nil
		if !reflect.DeepEqual(again, doc) {
			t.Errorf("got  %+v\nwant %+v", again, doc)
		}
	}
}

// What has changed since a document was read is printed, with the unknown keys
// beside it.
func TestMarshalChanged(t *testing.T) {
	const document = `{"kernel":"/k","initrd":"/i","init":"/init","kernel-params":[],"virtualisation":{
		"cores": 2, "later": [1], "rosetta": {"enable": true, "later": {}}, "nixvf": {"mac": "52:00:00:00:00:01", "later": 1},
		"sharedDirectories": {"a": {"source": "/a", "later": "x"}, "b": {"source": "/b"}}}}`
	doc, _, err := Parse([]byte(document))
	if err != nil {
		t.Fatal(err)
	}
	v := &doc.Virtualisation
	v.Cores, v.Rosetta.Enable, v.Nixvf.MAC = 8, false, ""
	delete(v.SharedDirectories, "b")
	out, err := doc.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	again, _, err := Parse(out)
	if err != nil {
		t.Fatal(err)
	}
	now := again.Virtualisation
	if now.Cores != 8 || now.Rosetta.Enable || now.Nixvf.MAC != "" || len(now.SharedDirectories) != 1 {
		t.Errorf("%s", out)
	}
	var later struct {
		Virtualisation struct {
			Later             []int
			Rosetta           struct{ Later *struct{} }
			Nixvf             struct{ Later int }
			SharedDirectories struct{ A struct{ Later string } }
		}
	}
	kept := &later.Virtualisation
	if err := json.Unmarshal(out, &later); err != nil || len(kept.Later) != 1 || kept.Rosetta.Later == nil ||
		kept.Nixvf.Later != 1 || kept.SharedDirectories.A.Later != "x" {
		t.Errorf("%v, unknown keys are lost: %s", err, out)
	}
}

func serial(s string) DriveConfig { return DriveConfig{DeviceExtraOpts: DeviceOptions{Serial: s}} }

// Each field, however deep, is in the full document above with another value
// than the one that a missing key means, so that the reader forgets none.
func TestAllFieldsAreRead(t *testing.T) {
	doc, _, err := Parse([]byte(full))
	if err != nil {
		t.Fatal(err)
	}
	given := map[string]bool{}
	findFields(reflect.ValueOf(*doc), reflect.ValueOf(Document{Virtualisation: Defaults("x")}), "", given)
	if len(given) < 40 {
		t.Errorf("only %d fields", len(given))
	}
	for field, is := range given {
		if !is {
			t.Errorf("%s is not read, or not in the test's document", field)
		}
	}
}

// findFields notes in given, for each exported field of a struct and of what is
// in it, whether its value anywhere is another one than in def.
func findFields(v, def reflect.Value, name string, given map[string]bool) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() {
				findFields(v.Field(i), def.Field(i), name+"."+f.Name, given)
			}
		}
		return
	case reflect.Map:
		for _, key := range v.MapKeys() {
			findFields(v.MapIndex(key), reflect.Zero(v.Type().Elem()), name+"[]", given)
		}
	case reflect.Slice:
		for i := range v.Len() {
			findFields(v.Index(i), reflect.Zero(v.Type().Elem()), name+"[]", given)
		}
	}
	given[name] = given[name] || !reflect.DeepEqual(v.Interface(), def.Interface())
}

func TestCheckID(t *testing.T) {
	for id, ok := range map[string]bool{
		"a": true, "Web.prod-0123abcd": true, "_x": true, strings.Repeat("a", 160): true,
		"": false, ".": false, "..": false, "-a": false, "a/b": false, "a b": false, "a\n": false, "é": false,
		strings.Repeat("a", 161): false,
	} {
		if err := CheckID(id); (err == nil) != ok {
			t.Errorf("%q: %v", id, err)
		}
	}
}

func TestCheckTag(t *testing.T) {
	for tag, ok := range map[string]bool{
		"nix-store": true, "a b": true, "é": true, "a=b": true, strings.Repeat("a", 36): true,
		"": false, "a,b": false, "a\nb": false, "\x1b": false, "\xff": false, strings.Repeat("é", 19): false,
	} {
		if err := CheckTag(tag); (err == nil) != ok {
			t.Errorf("%q: %v", tag, err)
		}
	}
}

func TestFileName(t *testing.T) {
	for name, want := range map[string]string{
		"darwinVM": "darwinVM", "web.prod_1-x": "web.prod_1-x", "a/b": "a-b", "../x": "-.-x", ".": "-", "é": "-", "": "",
	} {
		if got := FileName(name); got != want {
			t.Errorf("%q: got %q, want %q", name, got, want)
		}
	}
}

// What parses is printed and parses again to the same.
func FuzzParse(f *testing.F) {
	f.Add([]byte(minimal))
	f.Add([]byte(full))
	f.Add([]byte(bootspec + `,"io.github.nixvf.v1":{"cores":3}}`))
	f.Add([]byte(bootspec + `,"io.github.nixvf.v1":{"nixvf":{"mac":"03:00:00:00:00:00","vsock":[0]}}}`))
	f.Add([]byte(`{"kernel":"k","initrd":"","init":1,"kernel-params":["init=/x"],"virtualisation":{"sharedDirectories":{"a,b":3}}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		doc, _, err := Parse(data)
		if err != nil {
			if strings.ContainsFunc(strings.ReplaceAll(err.Error(), "\n", ""), func(r rune) bool { return r < ' ' }) {
				t.Errorf("control characters in %q", err)
			}
			return
		}
		out, err := doc.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		again, warnings, err := Parse(out)
		if err != nil || len(warnings) > 0 {
			t.Fatalf("%v, %q:\n%s", err, warnings, out)
		}
		doc.Virtualisation.raw, again.Virtualisation.raw = nil, nil
		if len(doc.Roots) == 0 {
			doc.Roots = nil // an empty list is left out
		}
		if !reflect.DeepEqual(again, doc) {
			t.Errorf("got  %+v\nwant %+v", again, doc)
		}
	})
}

func TestCheckCredential(t *testing.T) {
	for _, name := range []string{"key", "sshd.host-key", "a_b@c", strings.Repeat("x", 255)} {
		if err := CheckCredential(name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, name := range []string{"", ".", "..", ".key", "-key", "a/b", "a b", "a:b", "a,b", "a*", "ü", "a\n", "nixvf.ssh.host-key", strings.Repeat("x", 256)} {
		if err := CheckCredential(name); err == nil {
			t.Errorf("%q is taken", name)
		}
	}
}

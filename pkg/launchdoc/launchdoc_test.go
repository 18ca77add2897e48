package launchdoc

import (
	"encoding/json"
	"os/exec"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/nixvf/nixvf/pkg/bootdoc"
	"github.com/nixvf/nixvf/pkg/fault"
)

// full has every key of the document.
const full = `{
  "version": 1,
  "name": "web",
  "id": "web-0123abcd",
  "system": "aarch64-linux",
  "roots": [
    "/nix/store/a"
  ],
  "argv": [
    "vfkit",
    "--kernel-cmdline",
    "a=\"b c\" <init>",
    "--device",
    "rosetta,mountTag=rosetta"
  ],
  "optional": [
    "rosetta,mountTag=rosetta"
  ],
  "ephemeral": true,
  "sockets": "/s/run",
  "readOnly": [
    "nix-store"
  ],
  "disks": [
    {
      "path": "/s/web.raw",
      "size": 1073741824,
      "format": "ext4",
      "fsLabel": "nixos"
    },
    {
      "path": "/s/run/empty0.raw",
      "size": 512,
      "format": "none",
      "temporary": true
    }
  ],
  "images": [
    {
      "path": "/c/stores/0.img",
      "closure": [
        "/nix/store/a"
      ]
    }
  ],
  "directories": [
    {
      "path": "/s/run/xchg",
      "temporary": true
    },
    {
      "path": "/tmp/me"
    }
  ],
  "files": [
    {
      "from": "/etc/ca.crt",
      "to": "/s/run/xchg/ca.crt"
    }
  ],
  "credentials": {
    "key": "/home/me/key"
  },
  "ssh": "root",
  "clock": true,
  "forwardPorts": [
    {
      "from": "host",
      "proto": "tcp",
      "host": {
        "address": "",
        "port": 2222
      },
      "guest": {
        "address": "",
        "port": 22
      }
    }
  ],
  "restrictNetwork": true,
  "hostLoopback": true,
  "boot": {
    "kernel": "/k",
    "label": "<x>"
  }
}
`

func fullDocument() *Document {
	return &Document{
		Version: 1, Name: "web", ID: "web-0123abcd", System: "aarch64-linux", Roots: []string{"/nix/store/a"},
		Argv:     []string{"vfkit", "--kernel-cmdline", `a="b c" <init>`, "--device", "rosetta,mountTag=rosetta"},
		Optional: []string{"rosetta,mountTag=rosetta"}, Ephemeral: true,
		Sockets:  "/s/run",
		ReadOnly: []string{"nix-store"},
		Disks: []Disk{
			{Path: "/s/web.raw", Size: 1 << 30, Format: FormatExt4, FSLabel: "nixos"},
			{Path: "/s/run/empty0.raw", Size: 512, Format: FormatNone, Temporary: true},
		},
		Images:      []Image{{Path: "/c/stores/0.img", Closure: []string{"/nix/store/a"}}},
		Directories: []Directory{{Path: "/s/run/xchg", Temporary: true}, {Path: "/tmp/me"}},
		Files:       []File{{From: "/etc/ca.crt", To: "/s/run/xchg/ca.crt"}},
		Credentials: map[string]string{"key": "/home/me/key"},
		SSH:         "root",
		Clock:       true,
		ForwardPorts: []bootdoc.ForwardPort{{
			From: "host", Proto: "tcp", Host: bootdoc.Address{Port: 2222}, Guest: bootdoc.Address{Port: 22},
		}},
		RestrictNetwork: true, HostLoopback: true,
		Boot: json.RawMessage(`{"kernel":"/k","label":"<x>"}`),
	}
}

func TestObject(t *testing.T) {
	doc, err := Parse([]byte(full))
	if err != nil || !reflect.DeepEqual(doc, fullDocument()) {
		t.Errorf("%v, got %+v", err, doc)
	}
	out, err := fullDocument().Render(JSON)
	if err != nil || string(out) != full {
		t.Errorf("%v, got\n%s", err, out)
	}
	fields := reflect.ValueOf(*fullDocument())
	for i := range fields.NumField() {
		if fields.Field(i).IsZero() {
			t.Errorf("%s is not in the test's document", fields.Type().Field(i).Name)
		}
	}
}

func TestParse(t *testing.T) {
	argv := []string{"vfkit", "--cpus", "2", "--kernel-cmdline", "a  b", "--gui"}
	for _, in := range []string{
		`{"argv":["vfkit","--cpus","2","--kernel-cmdline","a  b","--gui"]}`,
		"\n\t{\"argv\":[\"vfkit\",\"--cpus\",\"2\",\"--kernel-cmdline\",\"a  b\",\"--gui\"],\"unknown\":{}}\n",
		`["vfkit","--cpus","2","--kernel-cmdline","a  b","--gui"]`,
		` ["--cpus","2","--kernel-cmdline","a  b","--gui"]`,
		"--cpus\x002\x00--kernel-cmdline\x00a  b\x00--gui\x00",
		"--cpus\n2\n--kernel-cmdline\na  b\n--gui\n",
		"--cpus\n2\n--kernel-cmdline\na  b\n--gui",
	} {
		doc, err := Parse([]byte(in))
		if want := (&Document{Version: 1, Argv: argv}); err != nil || !reflect.DeepEqual(doc, want) {
			t.Errorf("%q: %v, got %+v", in, err, doc)
		}
	}
}

func TestParseErrors(t *testing.T) {
	const neither = "launch document: neither a JSON object, nor an array, nor arguments that begin with --"
	with := func(fields string) string { return `{"argv":["vfkit","--gui"],` + fields + "}" }
	tests := []struct {
		in   string
		want []string
	}{
		{"", []string{neither}},
		{"vfkit --cpus 2", []string{neither}},
		{"vfkit\n--cpus\n2\n", []string{neither}},
		{"-c\n2\n", []string{neither}},
		{"--cpus 2\r\n", []string{`launch document: argument "--cpus 2\r" is not plain text`}},
		{"\n--cpus\n2\n", []string{`launch document: the first argument, "", is not a flag`}},
		{"--a\x00b", []string{`launch document: argument "--a\x00b" is not plain text`}},
		{"--a\n\xff\n", []string{`launch document: argument "\xff" is not plain text`}},
		{"x\x00--a\x00", []string{`launch document: the first argument, "x", is not a flag`}},
		{"\x00", []string{`launch document: the first argument, "", is not a flag`}},
		{"[]", []string{"launch document: no arguments"}},
		{`["vfkit"]`, []string{"launch document: no arguments"}},
		{`["vfkit","x"]`, []string{`launch document: the first argument, "x", is not a flag`}},
		{`["vfkit",1]`, []string{"launch document: element 1 of the array is not a string"}},
		{`["vfkit","--a"`, []string{"launch document: not a complete JSON array"}},
		{"[\"vfkit\",\"--a\xff\"]", []string{"launch document: not a complete JSON array"}},
		{`["vfkit","--a\u001b"]`, []string{`launch document: argument "--a\x1b" is not plain text`}},
		{strings.Repeat("--", 9<<20), []string{"launch document: larger than 16 MiB"}},
		{`{"argv":["vfkit","--gui"]`, []string{"launch document: not a complete JSON document"}},
		{`{}`, []string{"argv: missing"}},
		{`{"kernel":"/k"}`, []string{"argv: missing (this is a boot document: nixvf-args comes before nixvf-boot)"}},
		{`{"argv":[]}`, []string{"argv: empty"}},
		{`{"argv":["--gui"]}`, []string{`argv[0]: "--gui" is a flag, where the program's name belongs`}},
		{`{"argv":["vfkit","a\nb"]}`, []string{`argv[1]: "a\nb" contains a control character`}},
		{with(`"version":2,"id":"a/b"`), []string{"version: 2 is not a whole number from 1 to 1", `id: "a/b" is not an id`}},
		{with(`"roots":["/a/../b","c"]`), []string{
			`roots[0]: "/a/../b" is not an absolute path in its shortest form`,
			`roots[1]: "c" is not an absolute path in its shortest form`}},
		{with(`"disks":[{},{"path":"x","size":0,"format":"qcow2"},1]`), []string{
			"disks[2]: a number, where an object is wanted", "disks[0].path: missing or empty", "disks[0].size: missing",
			`disks[1].path: "x" is not an absolute path in its shortest form`,
			"disks[1].size: 0 is not a whole number from 1 to 1152921504606846976",
			`disks[1].format: "qcow2" is neither "ext4" nor "none"`}},
		{with(`"directories":[{"path":"/a/","temporary":"yes"}],"files":[{"from":"/a"}]`), []string{
			`directories[0].path: "/a/" is not an absolute path in its shortest form`,
			"directories[0].temporary: a string, where true or false is wanted",
			"files[0].to: missing or empty"}},
		{with(`"forwardPorts":[{"host":{"port":1}}],"restrictNetwork":1`), []string{
			"restrictNetwork: a number, where true or false is wanted", "forwardPorts[0].guest: missing"}},
	}
	for _, tt := range tests {
		doc, err := Parse([]byte(tt.in))
		if got := fault.Lines(err); !slices.Equal(got, tt.want) {
			t.Errorf("%.80q: got %q, %+v\nwant %q", tt.in, got, doc, tt.want)
		}
	}
}

func TestRender(t *testing.T) {
	argv := []string{"vfkit", "--cpus", "2", "--kernel-cmdline", `a="b c" 'd' $e`, "--gui", "--device", "virtio-fs,sharedDir=/a b,mountTag=x"}
	tests := []struct {
		format string
		argv   []string
		want   string
		err    string
	}{
		{Shell, argv, `vfkit \
  --cpus 2 \
  --kernel-cmdline 'a="b c" '\''d'\'' $e' \
  --gui \
  --device 'virtio-fs,sharedDir=/a b,mountTag=x'
`, ""},
		{Lines, argv, "--cpus\n2\n--kernel-cmdline\na=\"b c\" 'd' $e\n--gui\n--device\nvirtio-fs,sharedDir=/a b,mountTag=x\n", ""},
		{Null, argv, "--cpus\x002\x00--kernel-cmdline\x00a=\"b c\" 'd' $e\x00--gui\x00--device\x00virtio-fs,sharedDir=/a b,mountTag=x\x00", ""},
		{Lines, []string{"vfkit", "a\nb"}, "", `argv: "a\nb" holds "\n"`},
		{Null, []string{"vfkit", "a\x00b"}, "", `argv: "a\x00b" holds "\x00"`},
		{Shell, []string{"vfkit", "--device", "virtio-blk,path=/a-b_c.raw,deviceId=root"}, "vfkit \\\n  --device virtio-blk,path=/a-b_c.raw,deviceId=root\n", ""},
		{Shell, []string{"a\x00b"}, "", `argv: "a\x00b" holds NUL`},
		{Shell, nil, "", "argv: empty"},
		{Lines, nil, "", "argv: empty"},
		{"yaml", argv, "", `format: "yaml" is not one of json, shell, lines, null`},
	}
	for _, tt := range tests {
		out, err := (&Document{Argv: tt.argv}).Render(tt.format)
		if string(out) != tt.want || err != nil && err.Error() != tt.err || err == nil && tt.err != "" {
			t.Errorf("%s %q: got %v\n%s", tt.format, tt.argv, err, out)
		}
	}
}

// A real shell reads the pasted command as it was meant.
func TestShellAgrees(t *testing.T) {
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip(err)
	}
	args := []string{"--a", "", "-", "a b", "'", `"`, `\`, "$HOME", "`id`", "!x", "*", "~", "#x", "a\\\nb", "é", "a;b|c&d(e)<f>", "=", "{a,b}", "[x]", "a=b", "=a", "-", "\u00a0"}
	command, err := Command(append([]string{"show"}, args...))
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(sh, "-c", "show() { printf '%s\\0' \"$@\"; }\n"+string(command)).Output()
	if want := strings.Join(args, "\x00") + "\x00"; err != nil || string(out) != want {
		t.Errorf("%v, got %q\nwant %q\nfrom %s", err, out, want, command)
	}
}

// What parses is rendered in all formats, or refused, and what is rendered
// parses to the same arguments.
func FuzzParse(f *testing.F) {
	f.Add([]byte(full))
	f.Add([]byte(`["vfkit","--cpus","2"]`))
	f.Add([]byte("--cpus\x002\x00\x00"))
	f.Add([]byte("--cpus\n2\n\n"))
	f.Add([]byte(`{"argv":["","x"]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		doc, err := Parse(data)
		if err != nil {
			return
		}
		if _, err := doc.Render(Shell); err != nil {
			t.Errorf("shell: %v", err)
		}
		out, err := doc.Render(JSON)
		if err != nil {
			t.Fatal(err)
		}
		again, err := Parse(out)
		if err != nil || !slices.Equal(again.Argv, doc.Argv) || !slices.Equal(again.Disks, doc.Disks) ||
			!slices.Equal(again.Directories, doc.Directories) || !slices.Equal(again.ForwardPorts, doc.ForwardPorts) {
			t.Errorf("json: %v, got %+v\nwant %+v", err, again, doc)
		}
		if len(doc.Argv) < 2 || !strings.HasPrefix(doc.Argv[1], "--") {
			return // no arguments by themselves
		}
		array, _ := json.Marshal(doc.Argv)
		lines, err1 := doc.Render(Lines)
		null, err2 := doc.Render(Null)
		if err1 != nil || err2 != nil {
			t.Fatalf("lines: %v, null: %v", err1, err2)
		}
		for _, in := range [][]byte{array, lines, null} {
			again, err := Parse(in)
			if err != nil || !slices.Equal(again.Argv[1:], doc.Argv[1:]) {
				t.Errorf("%q: %v, got %+v", in, err, again)
			}
		}
	})
}

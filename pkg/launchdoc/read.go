package launchdoc

import (
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/nixvf/nixvf/pkg/bootdoc"
	"github.com/nixvf/nixvf/pkg/strictjson"
)

// maxBytes bounds the size of a disk, far above what any file system takes.
const maxBytes = 1 << 60

// argvMost bounds the arguments: each device is two, and no VM has hundreds.
const argvMost = 2048

// Parse reads a launch document in any of its formats: the JSON object, a JSON
// array of strings, NUL-terminated arguments, or arguments one a line of which
// the first begins with "--". The last three give a document that holds Argv
// alone. The error names everything that is wrong.
func Parse(data []byte) (*Document, error) {
	text := strings.TrimLeftFunc(string(data), unicode.IsSpace)
	switch {
	case len(data) > strictjson.MaxSize:
		return nil, fmt.Errorf("launch document: larger than %d MiB", strictjson.MaxSize>>20)
	case strings.HasPrefix(text, "{"):
		return parseObject(data)
	case strings.HasPrefix(text, "["):
		return parseArray(data)
	case strings.HasSuffix(text, "\x00"):
		return parseArguments(strings.Split(strings.TrimSuffix(string(data), "\x00"), "\x00"))
	case strings.HasPrefix(text, "--"):
		return parseArguments(strings.Split(strings.TrimSuffix(string(data), "\n"), "\n"))
	}
	return nil, errors.New("launch document: neither a JSON object, nor an array, nor arguments that begin with --")
}

func parseObject(data []byte) (*Document, error) {
	top, err := strictjson.Parse(data)
	if err != nil {
		return nil, fmt.Errorf("launch document: %w", err)
	}
	doc := &Document{
		Version:         int(top.Int("version", Version, Version, Version)),
		Name:            top.String("name", ""),
		ID:              top.String("id", ""),
		System:          top.String("system", ""),
		Roots:           paths(top, "roots"),
		Argv:            top.Strings("argv"),
		Optional:        top.Strings("optional"),
		Ephemeral:       top.Bool("ephemeral", false),
		Sockets:         absolute(top, "sockets", top.String("sockets", "")),
		ReadOnly:        top.Strings("readOnly"),
		RestrictNetwork: top.Bool("restrictNetwork", false),
		HostLoopback:    top.Bool("hostLoopback", false),
		Clock:           top.Bool("clock", false),
		SSH:             bootdoc.ReadUser(top, "ssh"),
	}
	if doc.ID != "" && bootdoc.CheckID(doc.ID) != nil {
		top.Errorf("id", "%q is not an id", doc.ID)
	}
	if doc.Ephemeral && doc.ID == "" {
		top.Errorf("ephemeral", "a VM without an id shares its state directory with others")
	}
	if !top.Has("argv") {
		top.Errorf("argv", "missing%s", hintBoot(top))
	} else if len(doc.Argv) == 0 {
		top.Errorf("argv", "empty")
	} else if len(doc.Argv) > argvMost {
		top.Errorf("argv", "%d arguments, more than %d", len(doc.Argv), argvMost)
	} else if strings.HasPrefix(doc.Argv[0], "-") {
		top.Errorf("argv[0]", "%q is a flag, where the program's name belongs", doc.Argv[0])
	}
	for _, o := range top.Objects("disks") {
		doc.Disks = append(doc.Disks, readDisk(o))
	}
	for _, o := range top.Objects("images") {
		doc.Images = append(doc.Images, readImage(o))
	}
	for _, o := range top.Objects("directories") {
		doc.Directories = append(doc.Directories, Directory{
			Path:      absolute(o, "path", o.Required("path")),
			Temporary: o.Bool("temporary", false),
		})
	}
	for _, o := range top.Objects("files") {
		doc.Files = append(doc.Files, File{
			From: absolute(o, "from", o.Required("from")),
			To:   absolute(o, "to", o.Required("to")),
		})
	}
	if o := top.Object("credentials"); o != nil {
		doc.Credentials = bootdoc.ReadCredentials(o)
		for name, path := range doc.Credentials {
			absolute(o, name, path)
		}
	}
	for _, o := range top.Objects("forwardPorts") {
		doc.ForwardPorts = append(doc.ForwardPorts, bootdoc.ReadForwardPort(o))
	}
	if o := top.Object("boot"); o != nil {
		doc.Boot = Compact([]byte(o.Raw()))
	}
	return doc, top.Err()
}

// hintBoot says what a document without argv may be instead.
func hintBoot(top *strictjson.Object) string {
	if top.Has("kernel") {
		return " (this is a boot document: nixvf-args comes before nixvf-boot)"
	}
	return ""
}

func readDisk(o *strictjson.Object) Disk {
	d := Disk{
		Path:      absolute(o, "path", o.Required("path")),
		Size:      o.Int("size", 0, 1, maxBytes),
		Format:    o.String("format", FormatExt4),
		FSLabel:   o.String("fsLabel", ""),
		Temporary: o.Bool("temporary", false),
	}
	if !o.Has("size") {
		o.Errorf("size", "missing")
	}
	if d.Format != FormatExt4 && d.Format != FormatNone {
		o.Errorf("format", "%q is neither %q nor %q", d.Format, FormatExt4, FormatNone)
	}
	return d
}

func readImage(o *strictjson.Object) Image {
	i := Image{Path: absolute(o, "path", o.Required("path")), Closure: paths(o, "closure")}
	if len(i.Closure) == 0 {
		o.Errorf("closure", "no store paths")
	}
	return i
}

func paths(o *strictjson.Object, key string) []string {
	list := o.Strings(key)
	for i, p := range list {
		absolute(o, fmt.Sprintf("%s[%d]", key, i), p)
	}
	return list
}

// absolute notes an error about p unless it is an absolute path in its shortest form.
func absolute(o *strictjson.Object, key, p string) string {
	if p != "" && (!path.IsAbs(p) || path.Clean(p) != p) {
		o.Errorf(key, "%q is not an absolute path in its shortest form", p)
	}
	return p
}

func parseArray(data []byte) (*Document, error) {
	var list []any
	if err := json.Unmarshal(data, &list); err != nil || !utf8.Valid(data) {
		return nil, errors.New("launch document: not a complete JSON array")
	}
	argv := make([]string, len(list))
	for i, v := range list {
		s, ok := v.(string)
		if !ok {
			return nil, fmt.Errorf("launch document: element %d of the array is not a string", i)
		}
		argv[i] = s
	}
	if len(argv) > 0 && !strings.HasPrefix(argv[0], "-") {
		argv = argv[1:]
	}
	return parseArguments(argv)
}

func parseArguments(args []string) (*Document, error) {
	switch {
	case len(args) == 0:
		return nil, errors.New("launch document: no arguments")
	case len(args) > argvMost:
		return nil, fmt.Errorf("launch document: %d arguments, more than %d", len(args), argvMost)
	}
	for _, a := range args {
		if !utf8.ValidString(a) || strings.ContainsFunc(a, unicode.IsControl) {
			return nil, fmt.Errorf("launch document: argument %q is not plain text", a)
		}
	}
	if !strings.HasPrefix(args[0], "-") {
		return nil, fmt.Errorf("launch document: the first argument, %q, is not a flag", args[0])
	}
	return &Document{Version: Version, Argv: append([]string{"vfkit"}, args...)}, nil
}

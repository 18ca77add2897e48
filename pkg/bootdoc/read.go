package bootdoc

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/nixvf/nixvf/pkg/strictjson"
)

// Limits of values. They keep absurd numbers out of every later calculation;
// what a VMM or a file system can do is checked where it is known.
const (
	maxCores = 1024
	maxMiB   = 1 << 30 // 1 PiB
	maxTag   = 36      // bytes of a virtio-fs tag, virtio 1.2 section 5.11.4

	listMost  = 256  // disks or shares
	portsMost = 4096 // forwarded ports
)

// atMost returns a list if it is not longer than most, else it reports that.
func atMost[T any](most int, o *strictjson.Object, key string, list []T) []T {
	if len(list) <= most {
		return list
	}
	o.Errorf(key, "%d entries, and at most %d are taken", len(list), most)
	return nil
}

// MaxName is the length of the longest name of a VM, in bytes.
const MaxName = 128

// maxID is the length of the longest id, in bytes. It is not in the pattern,
// where it would cost milliseconds at each start of each tool.
const maxID = 160

// idPattern is what an id may be: a file name that is no surprise anywhere.
var idPattern = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]*$`)

// CheckID reports whether id can name a VM: letters, digits and ._- and at
// most 160 of them, beginning with none of the last two.
func CheckID(id string) error {
	if len(id) > maxID || !idPattern.MatchString(id) {
		return fmt.Errorf("id: %q is not made of at most %d letters, digits, '.', '_' and '-'", id, maxID)
	}
	return nil
}

// Parse reads a boot document, or a plain NixOS bootspec document (boot.json),
// about which it then warns. The error names everything that is wrong.
func Parse(data []byte) (*Document, []string, error) {
	top, err := strictjson.Parse(data)
	if err != nil {
		return nil, nil, fmt.Errorf("boot document: %w", err)
	}
	if !top.Has("kernel") && top.Has(bootspecKey) {
		doc := readBootspec(top)
		warning := "input is a bare bootspec: nothing is known of its Nix database (regInfo)"
		if !top.Has(ExtensionKey) {
			warning += ", shares and disks; defaults apply"
		}
		return doc, []string{warning}, top.Err()
	}
	if !top.Has("kernel") && top.Has("argv") {
		return nil, nil, errors.New("boot document: this is a launch document, which nixvf-args has made already: pipe it to nixvf-boot")
	}
	doc := &Document{
		Version:      int(top.Int("version", Version, Version, Version)),
		Name:         readName(top),
		ID:           top.String("id", ""),
		System:       top.String("system", ""),
		Label:        top.String("label", ""),
		Toplevel:     optionalPath(top, "toplevel"),
		Kernel:       requiredPath(top, "kernel"),
		Initrd:       requiredPath(top, "initrd"),
		Init:         requiredPath(top, "init"),
		KernelParams: readParams(top),
		RegInfo:      optionalPath(top, "regInfo"),
		Roots:        top.Strings("roots"),
	}
	if doc.ID != "" && CheckID(doc.ID) != nil {
		top.Errorf("id", "%q is not an id", doc.ID)
	}
	for i, r := range doc.Roots {
		if !path.IsAbs(r) || path.Clean(r) != r {
			top.Errorf(fmt.Sprintf("roots[%d]", i), "%q is not an absolute path in its shortest form", r)
		}
	}
	doc.Virtualisation = readVirtualisation(top.Object("virtualisation"), doc.Name)
	return doc, nil, top.Err()
}

// Settings reads a VM's settings as they stand in a boot document. The error
// names everything that is wrong.
func Settings(data []byte) (Virtualisation, error) {
	top, err := strictjson.Parse(fmt.Appendf(nil, `{"virtualisation": %s}`, data))
	if err != nil {
		return Virtualisation{}, err
	}
	return readVirtualisation(top.Object("virtualisation"), DefaultName), top.Err()
}

// Bootspec reads the boot.json of a NixOS system: the bootspec proper and, if
// there, nixvf's extension. The document has no name, id or registration.
func Bootspec(data []byte) (*Document, error) {
	top, err := strictjson.Parse(data)
	if err != nil {
		return nil, err
	}
	doc := readBootspec(top)
	if !top.Has(ExtensionKey) {
		top.Errorf(ExtensionKey, "missing")
	}
	return doc, top.Err()
}

func readBootspec(top *strictjson.Object) *Document {
	spec := top.Object(bootspecKey)
	if spec == nil {
		top.Errorf(bootspecKey, "missing")
		return &Document{}
	}
	doc := &Document{
		Version:      Version,
		Name:         DefaultName,
		System:       spec.String("system", ""),
		Label:        spec.String("label", ""),
		Toplevel:     optionalPath(spec, "toplevel"),
		Kernel:       requiredPath(spec, "kernel"),
		Initrd:       requiredPath(spec, "initrd"),
		Init:         requiredPath(spec, "init"),
		KernelParams: append([]string{}, spec.Strings("kernelParams")...),
	}
	checkParams(spec, "kernelParams", doc.KernelParams)
	doc.Virtualisation = readVirtualisation(top.Object(ExtensionKey), doc.Name)
	return doc
}

func readName(top *strictjson.Object) string {
	name := top.String("name", DefaultName)
	if name == "" || len(name) > MaxName {
		top.Errorf("name", "%q must have 1 to %d bytes", name, MaxName)
		return DefaultName
	}
	return name
}

func readParams(top *strictjson.Object) []string {
	if !top.Has("kernel-params") {
		top.Errorf("kernel-params", "missing")
	}
	params := top.Strings("kernel-params")
	checkParams(top, "kernel-params", params)
	return params
}

func requiredPath(o *strictjson.Object, key string) string {
	return absolute(o, key, o.Required(key))
}

func optionalPath(o *strictjson.Object, key string) string {
	return absolute(o, key, o.String(key, ""))
}

func absolute(o *strictjson.Object, key, p string) string {
	if p != "" && !path.IsAbs(p) {
		o.Errorf(key, "%q is not an absolute path", p)
	}
	return p
}

func readEmptyDisk(disk strictjson.IntOrObject) EmptyDisk {
	if disk.Object == nil {
		return EmptyDisk{Size: int(disk.Int)}
	}
	if !disk.Object.Has("size") {
		disk.Object.Errorf("size", "missing")
	}
	d := EmptyDisk{Size: int(disk.Object.Int("size", 0, 1, maxMiB))}
	if c := disk.Object.Object("driveConfig"); c != nil {
		d.DriveConfig = readDriveConfig(c)
	}
	return d
}

func readDriveConfig(o *strictjson.Object) (c DriveConfig) {
	opts := o.Object("deviceExtraOpts")
	if opts == nil {
		return c
	}
	c.DeviceExtraOpts.Serial = opts.String("serial", "")
	if err := CheckSerial(c.DeviceExtraOpts.Serial); err != nil {
		opts.Errorf("serial", "%v", err)
	}
	return c
}

func readVirtualisation(o *strictjson.Object, name string) Virtualisation {
	v := Defaults(name)
	if o == nil {
		return v
	}
	v.Cores = int(o.Int("cores", int64(v.Cores), 1, maxCores))
	v.MemorySize = int(o.Int("memorySize", int64(v.MemorySize), 1, maxMiB))
	v.DiskSize = int(o.Int("diskSize", int64(v.DiskSize), 1, maxMiB))
	v.DiskImage = readDiskImage(o, v.DiskImage)
	v.UseDefaultFilesystems = o.Bool("useDefaultFilesystems", v.UseDefaultFilesystems)
	for _, disk := range atMost(listMost, o, "emptyDiskImages", o.IntsOrObjects("emptyDiskImages", 1, maxMiB)) {
		v.EmptyDiskImages = append(v.EmptyDiskImages, readEmptyDisk(disk))
	}
	if q := o.Object("qemu"); q != nil {
		for _, d := range atMost(listMost, q, "drives", q.Objects("drives")) {
			v.QEMU.Drives = append(v.QEMU.Drives, Drive{File: d.Required("file"), DriveConfig: readDriveConfig(d)})
		}
	}
	if shares := o.Object("sharedDirectories"); shares != nil {
		v.SharedDirectories = readShares(shares)
	}
	for _, p := range atMost(portsMost, o, "forwardPorts", o.Objects("forwardPorts")) {
		v.ForwardPorts = append(v.ForwardPorts, ReadForwardPort(p))
	}
	v.Graphics = o.Bool("graphics", v.Graphics)
	if r := o.Object("resolution"); r != nil {
		v.Resolution.X = int(r.Int("x", int64(v.Resolution.X), 1, 1<<16))
		v.Resolution.Y = int(r.Int("y", int64(v.Resolution.Y), 1, 1<<16))
	}
	v.WritableStore = o.Bool("writableStore", v.WritableStore)
	if r := o.Object("rosetta"); r != nil {
		v.Rosetta.Enable = r.Bool("enable", false)
		v.Rosetta.MountTag = r.String("mountTag", v.Rosetta.MountTag)
		checkTag(r, "mountTag", v.Rosetta.MountTag)
	}
	v.RestrictNetwork = o.Bool("restrictNetwork", v.RestrictNetwork)
	v.UseHostCerts = o.Bool("useHostCerts", v.UseHostCerts)
	if c := o.Object("credentials"); c != nil {
		v.Credentials = ReadCredentials(c)
	}
	v.Store = oneOf(o, "store", StoreShare, StoreImage)
	if n := o.Object("nixvf"); n != nil {
		v.Nixvf = readNixvf(n)
	}
	v.raw = &source{text: []byte(o.Raw())}
	v.raw.fields, _ = v.fields() // no field is of a kind that JSON cannot hold
	return v
}

// ParseMAC reads the hardware address of a network card: six bytes in hexadecimal.
// A group address is refused: no card may have one (IEEE 802, lowest bit of the
// first byte).
func ParseMAC(text string) (net.HardwareAddr, error) {
	addr, err := net.ParseMAC(text)
	if err != nil || len(addr) != 6 || addr[0]&1 == 1 {
		return nil, fmt.Errorf("%q is not a MAC address of one card, such as 52:54:00:12:34:56", text)
	}
	return addr, nil
}

func readNixvf(o *strictjson.Object) Nixvf {
	n := Nixvf{MAC: o.String("mac", ""), Console: o.String("console", ""), Nested: o.Bool("nested", false), Clock: o.Bool("clock", false)}
	if n.MAC != "" {
		if _, err := ParseMAC(n.MAC); err != nil {
			o.Errorf("mac", "%v", err)
		}
	}
	for _, port := range o.Ints("vsock", 1, 1<<32-2) { // the next one is the wildcard, vsock(7)
		n.Vsock = append(n.Vsock, int(port))
	}
	if ssh := o.Object("ssh"); ssh != nil {
		n.SSH = SSH{Enable: ssh.Bool("enable", false), User: ReadUser(ssh, "user")}
	}
	return n
}

// userPattern is what NixOS takes for the name of a user.
var userPattern = regexp.MustCompile(`^[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,31}$`)

// ReadUser reads the name of a user in the guest, "" if there is none.
func ReadUser(o *strictjson.Object, key string) string {
	user := o.String(key, "")
	if user != "" && !userPattern.MatchString(user) {
		o.Errorf(key, "%q is not the name of a user", user)
	}
	return user
}

func readDiskImage(o *strictjson.Object, def *string) *string {
	if o.IsNull("diskImage") {
		return nil
	}
	image := o.String("diskImage", *def)
	if image == "" {
		o.Errorf("diskImage", "an empty string; null means no disk")
	}
	return &image
}

func readShares(o *strictjson.Object) map[string]SharedDirectory {
	shares := map[string]SharedDirectory{}
	for _, tag := range atMost(listMost, o, "", o.Keys()) {
		checkTag(o, tag, tag)
		s := o.Object(tag)
		if s == nil {
			continue
		}
		shares[tag] = SharedDirectory{
			Source:   s.Required("source"),
			Target:   optionalPath(s, "target"),
			Writable: s.Bool("writable", tag != StoreTag),
		}
	}
	return shares
}

// checkTag reports a mount tag that virtio-fs or vfkit's device syntax cannot
// hold.
func checkTag(o *strictjson.Object, key, tag string) {
	if err := CheckTag(tag); err != nil {
		o.Errorf(key, "%v", err)
	}
}

// ReadCredentials reads the files of credentials by name, which boot and launch
// documents share.
func ReadCredentials(o *strictjson.Object) map[string]string {
	files := map[string]string{}
	for _, name := range atMost(listMost, o, "", o.Keys()) {
		if err := CheckCredential(name); err != nil {
			o.Errorf(name, "%v", err)
		}
		files[name] = o.Required(name)
	}
	return files
}

// credentialPattern is what systemd takes for the name of a credential
// (credential_name_valid), but for spaces and names that begin with a dot.
var credentialPattern = regexp.MustCompile(`^[!-~]*$`)

// CheckCredential returns an error for a name that no credential of the user's can have. Those
// that begin with "nixvf." are nixvf's own.
func CheckCredential(name string) error {
	switch {
	case name == "" || len(name) > 255 || !credentialPattern.MatchString(name),
		strings.ContainsAny(name, "/:,*?[\\") || name[0] == '.' || name[0] == '-':
		return fmt.Errorf("%q is not the name of a credential: letters, digits, '.', '_', '-' and the like", name)
	case strings.HasPrefix(name, "nixvf."):
		return fmt.Errorf("%q is reserved for nixvf", name)
	}
	return nil
}

// CheckTag returns an error for a mount tag that virtio-fs cannot carry (1 to 36 bytes of
// text) or that vfkit cannot parse (a comma).
func CheckTag(tag string) error {
	switch {
	case tag == "" || len(tag) > maxTag:
		return fmt.Errorf("mount tag %q must have 1 to %d bytes", tag, maxTag)
	case strings.Contains(tag, ","):
		return fmt.Errorf("mount tag %q contains a comma, which vfkit does not accept", tag)
	case !utf8.ValidString(tag) || strings.ContainsFunc(tag, unicode.IsControl):
		return fmt.Errorf("mount tag %q contains a control character", tag)
	}
	return nil
}

// maxSerial is how much of a disk's serial number the guest sees, in bytes
// (virtio 1.2, 5.2.6: VIRTIO_BLK_ID_BYTES).
const maxSerial = 20

// CheckSerial returns an error for a serial number of a disk that a guest cannot see whole, or
// that vfkit cannot parse.
func CheckSerial(serial string) error {
	unprintable := func(r rune) bool { return r <= ' ' || r > '~' || r == ',' }
	if len(serial) > maxSerial || strings.ContainsFunc(serial, unprintable) {
		return fmt.Errorf("serial number %q is not of at most %d letters, digits and signs without a comma", serial, maxSerial)
	}
	return nil
}

// ReadForwardPort reads one element of forwardPorts, which boot and launch
// documents share.
func ReadForwardPort(o *strictjson.Object) ForwardPort {
	p := ForwardPort{
		From:  oneOf(o, "from", "host", "guest"),
		Proto: oneOf(o, "proto", "tcp", "udp"),
		Host:  readAddress(o, "host"),
		Guest: readAddress(o, "guest"),
	}
	return p
}

func oneOf(o *strictjson.Object, key string, values ...string) string {
	s := o.String(key, values[0])
	if !slices.Contains(values, s) {
		o.Errorf(key, "%q is not one of %s", s, strings.Join(values, ", "))
	}
	return s
}

func readAddress(o *strictjson.Object, key string) Address {
	a := o.Object(key)
	if a == nil {
		o.Errorf(key, "missing")
		return Address{}
	}
	if !a.Has("port") {
		a.Errorf("port", "missing")
	}
	address := a.String("address", "")
	if err := CheckIP(address); err != nil {
		a.Errorf("address", "%v", err)
	}
	return Address{Address: address, Port: int(a.Int("port", 0, 1, 65535))}
}

// CheckIP returns an error for an address that is neither empty nor an IP address.
func CheckIP(address string) error {
	if ip, err := netip.ParseAddr(address); address != "" && (err != nil || ip.Zone() != "") {
		return fmt.Errorf("%q is not an IP address", address)
	}
	return nil
}

// Package bootdoc owns the boot document: the JSON that nixvf-eval prints and
// that nixvf-disk and nixvf-args read. It says which kernel, initrd and init
// boot a NixOS system, and which settings its VM has.
//
// It owns the name, unit, default and checks of every key. Package strictjson
// reads the JSON. It touches no file and no environment: shell expansions in
// paths stay as they are.
package bootdoc

import "encoding/json"

// Version is the version of the document that this package reads and writes.
const Version = 1

// ExtensionKey is the key of nixvf's settings in a system's boot.json: an
// extension in the sense of the bootspec RFC (NixOS RFC 125). Its value is a
// [Virtualisation] object.
const ExtensionKey = "io.github.nixvf.v1"

// bootspecKey is the key of the bootspec itself, RFC 125.
const bootspecKey = "org.nixos.bootspec.v1"

// DefaultName is the name of a VM whose document has none: NixOS's default
// host name.
const DefaultName = "nixos"

// Document is the boot document.
type Document struct {
	Version      int      `json:"version"`
	Name         string   `json:"name,omitempty"`     // attribute name of the configuration
	ID           string   `json:"id,omitempty"`       // see package place
	System       string   `json:"system,omitempty"`   // guest platform, as in "aarch64-linux"
	Label        string   `json:"label,omitempty"`    // for people
	Toplevel     string   `json:"toplevel,omitempty"` // store path of the system
	Kernel       string   `json:"kernel"`             // absolute path on the host
	Initrd       string   `json:"initrd"`             // absolute path on the host
	Init         string   `json:"init"`               // absolute path in the guest
	KernelParams []string `json:"kernel-params"`      // without init= and regInfo=
	// RegInfo is the absolute path, in the guest, of a file that
	// `nix-store --load-db` reads: the registration of the system's closure.
	RegInfo        string         `json:"regInfo,omitempty"`
	Roots          []string       `json:"roots,omitempty"` // store paths to keep while the VM runs
	Virtualisation Virtualisation `json:"virtualisation"`
}

// Virtualisation holds the VM's settings, under the names and in the units of
// NixOS's virtualisation.* options (nixos/modules/virtualisation/qemu-vm.nix).
type Virtualisation struct {
	Cores                 int                        `json:"cores"`
	MemorySize            int                        `json:"memorySize"` // MiB
	DiskImage             *string                    `json:"diskImage"`  // nil: no disk, root on tmpfs
	DiskSize              int                        `json:"diskSize"`   // MiB
	UseDefaultFilesystems bool                       `json:"useDefaultFilesystems"`
	EmptyDiskImages       []EmptyDisk                `json:"emptyDiskImages"`
	QEMU                  QEMU                       `json:"qemu,omitzero"`
	SharedDirectories     map[string]SharedDirectory `json:"sharedDirectories"`
	ForwardPorts          []ForwardPort              `json:"forwardPorts"`
	Graphics              bool                       `json:"graphics"`
	Resolution            Resolution                 `json:"resolution"`
	WritableStore         bool                       `json:"writableStore"`
	Rosetta               Rosetta                    `json:"rosetta"`
	RestrictNetwork       bool                       `json:"restrictNetwork"`
	UseHostCerts          bool                       `json:"useHostCerts"`
	Credentials           map[string]string          `json:"credentials,omitempty"` // by name: files on the host, read at boot; may hold shell expansions
	Store                 string                     `json:"store"`                 // StoreShare or StoreImage
	Nixvf                 Nixvf                      `json:"nixvf"`

	raw *source // what was read, to be written again
}

// EmptyDisk is one element of virtualisation.emptyDiskImages. Without a serial
// number it is its size alone, as in NixOS up to 25.11.
type EmptyDisk struct {
	Size        int         `json:"size"` // MiB
	DriveConfig DriveConfig `json:"driveConfig"`
}

// MarshalJSON writes the shorter of the two forms.
func (d EmptyDisk) MarshalJSON() ([]byte, error) {
	if d.DriveConfig == (DriveConfig{}) {
		return json.Marshal(d.Size)
	}
	type plain EmptyDisk
	return json.Marshal(plain(d))
}

// DriveConfig is what NixOS has for QEMU's disks and other VMMs can do too.
type DriveConfig struct {
	DeviceExtraOpts DeviceOptions `json:"deviceExtraOpts"`
}

// DeviceOptions holds the serial number, by which the guest knows a disk as
// /dev/disk/by-id/virtio-SERIAL.
type DeviceOptions struct {
	Serial string `json:"serial,omitempty"`
}

// QEMU is virtualisation.qemu: the user's own disks.
type QEMU struct {
	Drives []Drive `json:"drives,omitempty"`
}

// Drive is one element of virtualisation.qemu.drives: a raw image that exists.
type Drive struct {
	File string `json:"file"` // on the host; may hold shell expansions
	DriveConfig
}

// SharedDirectory is one element of virtualisation.sharedDirectories; its key
// is the mount tag.
type SharedDirectory struct {
	Source   string `json:"source"`   // on the host; may hold shell expansions
	Target   string `json:"target"`   // mount point in the guest
	Writable bool   `json:"writable"` // default true, false for the store
}

// ForwardPort is one element of virtualisation.forwardPorts.
type ForwardPort struct {
	From  string  `json:"from"`  // "host" or "guest": where connections come from
	Proto string  `json:"proto"` // "tcp" or "udp"
	Host  Address `json:"host"`
	Guest Address `json:"guest"`
}

// Address is one end of a forwarded port. An empty address means the default:
// loopback on the host, the guest's own address in the guest.
type Address struct {
	Address string `json:"address"`
	Port    int    `json:"port"`
}

// Resolution is the size of the VM's display, in pixels.
type Resolution struct {
	X int `json:"x"`
	Y int `json:"y"`
}

// Rosetta is virtualisation.rosetta: Apple's translation of x86_64-linux
// programs, offered to the guest as a share.
type Rosetta struct {
	Enable   bool   `json:"enable"`
	MountTag string `json:"mountTag"`
}

// Nixvf is what NixOS has no option for: the nixvf.* options of nixvf's module
// (package nixos).
type Nixvf struct {
	MAC     string `json:"mac,omitempty"`     // of the network card; "": by the VM's id
	Vsock   []int  `json:"vsock,omitempty"`   // ports of the guest that get a socket on the host
	Console string `json:"console,omitempty"` // "stdio" (also when empty), "pty", or a file
	Nested  bool   `json:"nested,omitempty"`  // the guest runs VMs itself
	Clock   bool   `json:"clock,omitempty"`   // the guest listens for the time on vsock
	SSH     SSH    `json:"ssh,omitzero"`
}

// SSH is the way into the guest that nixvf-boot has. The guest must have its end,
// which nixvf's module makes.
type SSH struct {
	Enable bool   `json:"enable"`
	User   string `json:"user"` // who one is in the guest; "": root
}

// StoreTag is the mount tag of the host's Nix store in qemu-vm.nix.
const StoreTag = "nix-store"

// Where the guest has its store from.
const (
	StoreShare = "share" // the host's store, shared
	StoreImage = "image" // an image of the closure of the document's roots, and nothing else of the host's store
)

// StoreDir is the directory of the Nix store, on the host and in the guest.
const StoreDir = "/nix/store"

// Defaults returns the settings that absent keys mean for a VM called name.
func Defaults(name string) Virtualisation {
	image := "$NIXVF_STATE/" + FileName(name) + ".raw"
	return Virtualisation{
		Cores:                 1,
		MemorySize:            1024,
		DiskImage:             &image,
		DiskSize:              1024,
		UseDefaultFilesystems: true,
		EmptyDiskImages:       []EmptyDisk{},
		SharedDirectories: map[string]SharedDirectory{
			StoreTag: {Source: StoreDir, Target: "/nix/.ro-store"},
		},
		ForwardPorts:  []ForwardPort{},
		Resolution:    Resolution{X: 1024, Y: 768},
		WritableStore: true,
		Rosetta:       Rosetta{MountTag: "rosetta"},
		Store:         StoreShare,
	}
}

// FileName returns name with each character that does not belong into a file
// name replaced, so that attribute names like "a/b" or "web.prod" can be part
// of one.
func FileName(name string) string {
	safe := []rune(name)
	for i, r := range safe {
		letter := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
		if !letter && r != '-' && r != '_' && (r != '.' || i == 0) {
			safe[i] = '-'
		}
	}
	return string(safe)
}

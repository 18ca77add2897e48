// Package launchdoc owns the launch document: what nixvf-args prints and
// nixvf-boot reads. It holds vfkit's command line, and what must exist before it
// runs.
//
// It owns the document's keys, checks and four formats. Package vfkit knows what
// the arguments mean. It touches no file and no environment.
package launchdoc

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/nixvf/nixvf/pkg/bootdoc"
)

// Version is the version of the document that this package reads and writes.
const Version = 1

// Document is the launch document. All paths in it are absolute paths on the
// host.
type Document struct {
	Version int      `json:"version"`
	Name    string   `json:"name,omitempty"`
	ID      string   `json:"id,omitempty"`
	System  string   `json:"system,omitempty"` // guest platform, as in "aarch64-linux"
	Roots   []string `json:"roots,omitempty"`  // store paths to keep while the VM runs
	// Argv is vfkit's command line, the program's name first. That name is for
	// the reader: nixvf-boot chooses the VMM.
	Argv []string `json:"argv"`
	// Optional lists the values of those --device arguments of Argv that may be
	// dropped where the host cannot have them.
	Optional []string `json:"optional,omitempty"`
	// Ephemeral says that the VM has a state directory for this run alone, which
	// nobody else has, and which goes with all that is in it when the VM ends.
	Ephemeral bool `json:"ephemeral,omitempty"`
	// Sockets is the directory of the sockets that Argv names for the guest's
	// vsock ports. It stands for the one that nixvf-boot puts in its place.
	Sockets string `json:"sockets,omitempty"`
	// ReadOnly lists the tags of the shares that the guest must not write to.
	ReadOnly    []string    `json:"readOnly,omitempty"`
	Disks       []Disk      `json:"disks,omitempty"`
	Images      []Image     `json:"images,omitempty"`
	Directories []Directory `json:"directories,omitempty"`
	Files       []File      `json:"files,omitempty"`
	// Credentials are files that the guest's systemd gets as credentials of these
	// names. They are read when the VM starts.
	Credentials map[string]string `json:"credentials,omitempty"`
	// SSH is the guest's user as whom nixvf-boot gets into it; "" if the guest has no
	// end of that way.
	SSH string `json:"ssh,omitempty"`
	// Clock is that the guest listens for the time, which a VMM can tell it when the
	// host has woken up.
	Clock           bool                  `json:"clock,omitempty"`
	ForwardPorts    []bootdoc.ForwardPort `json:"forwardPorts,omitempty"`
	RestrictNetwork bool                  `json:"restrictNetwork,omitempty"`
	// HostLoopback lets the guest reach, at its gateway, what listens on the host's
	// loopback interface.
	HostLoopback bool `json:"hostLoopback,omitempty"`
	// Boot is the boot document that this one was made of, nil if that is not known.
	// It has no part in the start, and says later what the VM was made for.
	Boot json.RawMessage `json:"boot,omitempty"`
}

// Disk is a disk image that must exist before the VM starts, and how to make
// it when it does not.
type Disk struct {
	Path      string `json:"path"`
	Size      int64  `json:"size"`              // bytes
	Format    string `json:"format"`            // FormatExt4 or FormatNone
	FSLabel   string `json:"fsLabel,omitempty"` // of an ext4 file system
	Temporary bool   `json:"temporary,omitempty"`
}

// Formats of a disk image.
const (
	FormatExt4 = "ext4"
	FormatNone = "none"
)

// Image is an image of store paths, which the guest has as its store. It must exist
// before the VM starts, is made when it does not, and is only read.
type Image struct {
	Path    string   `json:"path"`
	Closure []string `json:"closure"` // store paths, which are in it with all that they need
}

// Directory is a directory that must exist before the VM starts. A temporary
// one must not exist yet, and goes when the VM ends.
type Directory struct {
	Path      string `json:"path"`
	Temporary bool   `json:"temporary,omitempty"`
}

// File is a file to copy before the VM starts.
type File struct {
	From string `json:"from"`
	To   string `json:"to"`
}

// Compact returns JSON as it is in a document's memory, without blanks.
func Compact(data []byte) json.RawMessage {
	var b bytes.Buffer
	if json.Compact(&b, data) != nil { // it is none
		return nil
	}
	return b.Bytes()
}

// Marshal returns the document as pretty-printed JSON that ends in a newline.
func (d *Document) Marshal() ([]byte, error) {
	out, err := bootdoc.Indent(d)
	if err != nil {
		return nil, fmt.Errorf("launch document: %w", err)
	}
	return out, nil
}

package instance

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/nixvf/nixvf/pkg/bootdoc"
	"github.com/nixvf/nixvf/pkg/place"
)

// Record is what nixvf-boot writes down of a VM when it runs, for those who ask
// later. It says what was true when it was written: whether the VM runs at all,
// its lock says.
type Record struct {
	Name         string                `json:"name,omitempty"`   // of the configuration
	System       string                `json:"system,omitempty"` // guest platform, as in "aarch64-linux"
	VMM          string                `json:"vmm,omitempty"`
	MemorySize   int                   `json:"memorySize,omitempty"` // MiB
	Cores        int                   `json:"cores,omitempty"`
	ForwardPorts []bootdoc.ForwardPort `json:"forwardPorts"`
	Disk         string                `json:"disk,omitempty"` // path of the root disk's image, "" without one
	Started      time.Time             `json:"started,omitzero"`
	Background   bool                  `json:"background"`
	Console      string                `json:"console,omitempty"` // file or pseudo-terminal where the console goes, "" if it is on a terminal or nowhere
	Ended        *End                  `json:"ended,omitempty"`
}

// End is how a VM has ended.
type End struct {
	Time   time.Time `json:"time"`
	Status int       `json:"status"` // exit status of nixvf-boot
}

// file is the record's name in the VM's state directory.
const file = "record.json"

// Write keeps the record in the VM's state directory, which must exist, whole or
// not at all.
func (r Record) Write(vm place.VM) error {
	data, err := bootdoc.Indent(r)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(vm.Dir, "."+file+"-*")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), filepath.Join(vm.Dir, file))
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}

// read returns what was written down of a VM. A record that is missing or that
// is none says nothing.
func read(vm place.VM) Record {
	var r Record
	data, err := os.ReadFile(filepath.Join(vm.Dir, file))
	if err != nil || json.Unmarshal(data, &r) != nil {
		return Record{}
	}
	return r
}

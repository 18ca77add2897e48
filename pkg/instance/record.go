package instance

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

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
	Disk         string                `json:"disk,omitempty"`   // path of the root disk's image, "" without one
	Process      string                `json:"process"`          // nixvf-boot's, as its lock has it: the record of another process is of an earlier run
	Started      time.Time             `json:"started,omitzero"` // when the VMM was, zero until then
	Background   bool                  `json:"background"`
	Console      string                `json:"console,omitempty"` // file or pseudo-terminal where the console goes, "" if it is on a terminal or nowhere
	SSH          string                `json:"ssh,omitempty"`     // the guest's user as whom one gets into it, "" if there is no way in
	Ended        *End                  `json:"ended,omitempty"`
}

// End is how a VM has ended.
type End struct {
	Time   time.Time `json:"time"`
	Status int       `json:"status"` // exit status of nixvf-boot
}

// file is the record's name in the VM's state directory, and mostRecord the most
// bytes that one has.
const (
	file       = "record.json"
	mostRecord = 1 << 20
)

// Write keeps the record in the VM's state directory, which must exist, whole or
// not at all. Where there is no room for another file, it goes into the place of
// the last one.
func (r Record) Write(vm place.VM) error {
	data, err := bootdoc.Indent(r)
	if err != nil {
		return err
	}
	err = replace(vm, data)
	if errors.Is(err, syscall.ENOSPC) {
		return overwrite(filepath.Join(vm.Dir, file), data)
	}
	return err
}

// overwrite writes over a file. Blanks, which mean nothing in JSON, stand where it
// was longer.
func overwrite(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return err
	}
	if info, err := f.Stat(); err == nil && info.Size() > int64(len(data)) {
		data = append(data, bytes.Repeat([]byte(" "), int(info.Size())-len(data))...)
	}
	_, err = f.WriteAt(data, 0)
	return errors.Join(err, f.Close())
}

func replace(vm place.VM, data []byte) error {
	// Always the same name: one that a killed process leaves is taken again.
	f, err := os.OpenFile(filepath.Join(vm.Dir, "."+file), os.O_WRONLY|os.O_CREATE|os.O_TRUNC|unix.O_NOFOLLOW, 0o600)
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
	f, err := os.OpenFile(filepath.Join(vm.Dir, file), os.O_RDONLY|unix.O_NONBLOCK|unix.O_NOFOLLOW, 0)
	if err != nil {
		return Record{}
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() || info.Size() > mostRecord {
		return Record{}
	}
	data, err := io.ReadAll(io.LimitReader(f, mostRecord))
	if err != nil || json.Unmarshal(data, &r) != nil {
		return Record{}
	}
	return r
}

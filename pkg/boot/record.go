package boot

import (
	"time"

	"github.com/crc-org/vfkit/pkg/config"

	"github.com/nixvf/nixvf/pkg/fault"
	"github.com/nixvf/nixvf/pkg/instance"
	"github.com/nixvf/nixvf/pkg/lock"
	"github.com/nixvf/nixvf/pkg/vfkit"
)

// openRecord begins the record of a run, which others may read.
func (m *machine) openRecord() {
	self, err := lock.Self()
	if err != nil {
		m.Warn("record: %v", err) // then nothing accepts it for this run's
	}
	m.record = &instance.Record{
		Name: m.doc.Name, System: m.doc.System, VMM: m.kind.Name, MemorySize: int(m.vm.Memory.ToBytes() >> 20), Cores: int(m.vm.Vcpus),
		ForwardPorts: m.doc.ForwardPorts, Process: self, SSH: m.doc.SSH,
	}
	m.record.Disk = m.rootDisk()
	m.keepRecord()
}

// rootDisk returns the path of the root disk's image, "" without one: the disk with
// its serial number. Who writes a document by hand need not give it that; there it
// is the first one.
func (m *machine) rootDisk() string {
	for _, d := range config.FilterDevices[*config.VirtioBlk](m.vm) {
		if d.DeviceIdentifier == vfkit.RootSerial {
			return d.ImagePath
		}
	}
	if images := m.images(); m.doc.Boot == nil && len(images) > 0 {
		return images[0].ImagePath
	}
	return ""
}

// closeRecord ends it.
func (m *machine) closeRecord(status int, err error) {
	if err != nil && status <= 1 { // it may have a status of its own, as after a signal
		status = fault.Code(err)
	}
	m.record.Ended = &instance.End{Time: time.Now(), Status: status}
	m.keepRecord()
}

// keepRecord writes the record. Without it a VM runs all the same, and less is
// known of it.
func (m *machine) keepRecord() { _ = m.record.Write(m.place) }

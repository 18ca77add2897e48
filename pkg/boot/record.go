package boot

import (
	"time"

	"github.com/nixvf/nixvf/pkg/fault"
	"github.com/nixvf/nixvf/pkg/instance"
	"github.com/nixvf/nixvf/pkg/lock"
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
	if images := m.images(); len(images) > 0 {
		m.record.Disk = images[0].ImagePath
	}
	m.keepRecord()
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

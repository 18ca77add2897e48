package boot

import (
	"time"

	"github.com/nixvf/nixvf/pkg/instance"
)

// describeRecord returns what others may know of a VM that has started.
func (m *machine) describeRecord(started time.Time, console string) instance.Record {
	r := instance.Record{
		Name: m.doc.Name, System: m.doc.System, VMM: m.vmm.name(), MemorySize: int(m.vm.Memory.ToBytes() >> 20), Cores: int(m.vm.Vcpus),
		ForwardPorts: m.doc.ForwardPorts, Started: started, Console: console,
	}
	if images := m.images(); len(images) > 0 {
		r.Disk = images[0].ImagePath
	}
	return r
}

// keepRecord writes the record. Without it a VM runs all the same, and less is
// known of it.
func (s *session) keepRecord() {
	if err := s.record.Write(s.place); err != nil && s.Verbose {
		s.note("record: %v", err)
	}
}

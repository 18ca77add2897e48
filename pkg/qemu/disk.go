package qemu

import "fmt"

// DiskError is what QEMU says about an image that it could not read or write.
type DiskError struct {
	Image  string // its path, "" where QEMU has not said which
	Write  bool
	Full   bool   // there is no room for it
	Reason string // the system's
	Paused bool   // the guest is paused for it; else the guest has been told
}

// DiskErrors calls failed each time something is wrong with one of the plan's
// disks, first for a guest that is paused already. It returns when QEMU has
// ended.
func (p *Plan) DiskErrors(m *Monitor, failed func(DiskError)) error {
	status, err := m.status()
	if err != nil {
		return err
	}
	if status.Status == "io-error" {
		failed(DiskError{Write: true, Paused: true})
	}
	for {
		var r reply
		if err := m.in.Decode(&r); err != nil {
			return fmt.Errorf("qmp: %w", err)
		}
		if r.Event == "BLOCK_IO_ERROR" {
			failed(DiskError{
				Image: p.image(r.Data.Device), Write: r.Data.Operation == "write", Full: r.Data.NoSpace,
				Reason: r.Data.Reason, Paused: r.Data.Action == "stop",
			})
		}
	}
}

// diskID is the name of the n-th disk in QEMU.
func diskID(n int) string { return fmt.Sprintf("disk%d", n) }

// image returns the path of the disk that has the given name.
func (p *Plan) image(id string) string {
	for n, path := range p.Images {
		if id == diskID(n) {
			return path
		}
	}
	return ""
}

// status is the state of the VM (QMP's RunState).
type status struct {
	Running bool   `json:"running"`
	Status  string `json:"status"`
}

func (m *Monitor) status() (s status, err error) {
	err = m.Execute("query-status", &s)
	return s, err
}

// Resume lets a guest go on that is paused or asleep.
func (m *Monitor) Resume() error {
	s, err := m.status()
	switch {
	case err != nil:
		return err
	case s.Status == "suspended":
		return m.Execute("system_wakeup", nil)
	case s.Status == "paused" || s.Status == "io-error":
		return m.Execute("cont", nil)
	}
	return nil
}

package qemu

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strings"
)

// Monitor speaks QMP, QEMU's control protocol: JSON objects, one a line
// (docs/interop/qmp-spec). It is not safe for concurrent use.
type Monitor struct {
	conn net.Conn
	in   *json.Decoder
	out  *json.Encoder
}

// reply is any object that QEMU sends: greeting, answer, error or event.
type reply struct {
	Event string `json:"event"`
	Data  struct {
		Guest     bool   `json:"guest"` // it was the guest's doing
		Device    string `json:"device"`
		Operation string `json:"operation"`
		Action    string `json:"action"`
		NoSpace   bool   `json:"nospace"`
		Reason    string `json:"reason"`
	} `json:"data"`
	Return json.RawMessage `json:"return"`
	Error  *struct {
		Desc string `json:"desc"`
	} `json:"error"`
}

// NewMonitor greets QEMU over conn, which it then owns, and makes it ready for
// commands.
func NewMonitor(conn net.Conn) (*Monitor, error) {
	m := &Monitor{conn: conn, in: json.NewDecoder(conn), out: json.NewEncoder(conn)}
	var greeting struct {
		QMP json.RawMessage `json:"QMP"`
	}
	err := m.in.Decode(&greeting)
	if err == nil && greeting.QMP == nil {
		err = errors.New("not a QMP server")
	}
	if err == nil {
		err = m.Execute("qmp_capabilities", nil)
	}
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("qmp: %w", err)
	}
	return m, nil
}

// Close ends the connection; QEMU runs on.
func (m *Monitor) Close() error { return m.conn.Close() }

// RefusedError is QEMU's answer to a command that it does not carry out.
type RefusedError struct{ Command, Reason string }

func (e *RefusedError) Error() string { return fmt.Sprintf("qmp: %s: %s", e.Command, e.Reason) }

// Execute runs a command without arguments and stores its answer in result,
// unless that is nil. Events that arrive in between are skipped.
func (m *Monitor) Execute(command string, result any) error {
	if err := m.out.Encode(map[string]string{"execute": command}); err != nil {
		return fmt.Errorf("qmp: %s: %w", command, err)
	}
	for {
		var r reply
		if err := m.in.Decode(&r); err != nil {
			return fmt.Errorf("qmp: %s: %w", command, err)
		}
		switch {
		case r.Error != nil:
			return &RefusedError{command, r.Error.Desc}
		case r.Return == nil:
		case result == nil:
			return nil
		default:
			return json.Unmarshal(r.Return, result)
		}
	}
}

// AwaitRestart waits until the guest restarts by itself, as at a
// reboot. The error is that of a QEMU that has ended.
func (m *Monitor) AwaitRestart() error {
	for {
		var r reply
		if err := m.in.Decode(&r); err != nil {
			return fmt.Errorf("qmp: %w", err)
		}
		if r.Event == "RESET" && r.Data.Guest {
			return nil
		}
	}
}

// Powerdown presses the guest's power button.
func (m *Monitor) Powerdown() error { return m.Execute("system_powerdown", nil) }

// Running reports whether the guest's CPUs run.
func (m *Monitor) Running() (bool, error) {
	s, err := m.status()
	return s.Running, err
}

// Terminals returns the names of the pseudo-terminals that QEMU made for
// consoles, in the order of their devices.
func (m *Monitor) Terminals() ([]string, error) {
	var chardevs []struct {
		Label    string `json:"label"`
		Filename string `json:"filename"`
	}
	if err := m.Execute("query-chardev", &chardevs); err != nil {
		return nil, err
	}
	byLabel := map[string]string{}
	for _, c := range chardevs {
		byLabel[c.Label] = c.Filename
	}
	var names []string
	for i := 0; i < len(chardevs); i++ {
		if pty, ok := strings.CutPrefix(byLabel[fmt.Sprintf("console%d", i)], "pty:"); ok {
			names = append(names, pty)
		}
	}
	return names, nil
}

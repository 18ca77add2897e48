package qemu

import (
	"bufio"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"
)

const greeting = `{"QMP": {"version": {"qemu": {"major": 7}}, "capabilities": []}}`

// serve answers each line that arrives on conn with the next of answers, and
// returns what arrived.
func serve(conn net.Conn, answers ...string) <-chan []string {
	asked := make(chan []string, 1)
	go func() {
		defer conn.Close()
		var lines []string
		in := bufio.NewScanner(conn)
		for i, answer := range answers {
			if i > 0 && !in.Scan() {
				break
			}
			if i > 0 {
				lines = append(lines, in.Text())
			}
			if _, err := io.WriteString(conn, answer+"\n"); err != nil {
				break
			}
		}
		asked <- lines
	}()
	return asked
}

func TestMonitor(t *testing.T) {
	client, server := net.Pipe()
	event := `{"event": "POWERDOWN", "timestamp": {"seconds": 1, "microseconds": 2}}` + "\n"
	asked := serve(server, greeting, `{"return": {}}`, event+`{"return": {}}`,
		`{"return": [{"label": "console1", "filename": "pty:/dev/pts/9"}, {"label": "qmp", "filename": "unix:/q"},
		{"label": "console0", "filename": "pty:/dev/pts/8"}]}`, `{"error": {"class": "GenericError", "desc": "no such thing"}}`+"\n"+
			`{"event": "RESET", "data": {"guest": false, "reason": "host-qmp-system-reset"}}`+"\n"+`{"event": "STOP", "data": {}}`+"\n"+
			`{"event": "RESET", "data": {"guest": true, "reason": "guest-reset"}}`)
	m, err := NewMonitor(client)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Powerdown(); err != nil {
		t.Error(err)
	}
	names, err := m.Terminals()
	if err != nil || !slices.Equal(names, []string{"/dev/pts/8", "/dev/pts/9"}) {
		t.Errorf("terminals: %q, %v", names, err)
	}
	var refused *RefusedError
	if err := m.Execute("nonsense", nil); !errors.As(err, &refused) || err.Error() != "qmp: nonsense: no such thing" {
		t.Errorf("error: %v", err)
	}
	if err := m.AwaitRestart(); err != nil {
		t.Error(err)
	}
	m.Close()
	want := []string{`{"execute":"qmp_capabilities"}`, `{"execute":"system_powerdown"}`, `{"execute":"query-chardev"}`, `{"execute":"nonsense"}`}
	if got := <-asked; !slices.Equal(got, want) {
		t.Errorf("asked %q, want %q", got, want)
	}
}

// FuzzMonitor has anything at all answer.
func FuzzMonitor(f *testing.F) {
	f.Add(greeting + "\n" + `{"return": {}}` + "\n" + `{"return": [{"label": "console0", "filename": "pty:/dev/pts/8"}]}`)
	f.Add("SSH-2.0-OpenSSH_9.2")
	f.Add(`{"QMP": null}`)
	f.Fuzz(func(t *testing.T, answers string) {
		client, server := net.Pipe()
		if err := client.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
			t.Fatal(err)
		}
		go func() {
			defer server.Close()
			go io.Copy(io.Discard, server)
			io.Copy(server, strings.NewReader(answers))
		}()
		m, err := NewMonitor(client)
		if err != nil {
			return
		}
		defer m.Close()
		names, err := m.Terminals()
		if err == nil && !strings.Contains(answers, "return") {
			t.Errorf("%q were read from %q", names, answers)
		}
		if m.AwaitRestart() == nil && !strings.Contains(answers, "RESET") {
			t.Errorf("a restart was read from %q", answers)
		}
	})
}

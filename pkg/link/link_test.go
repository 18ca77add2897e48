package link

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
)

// TestMain is the supervisor when it is started as one.
func TestMain(m *testing.M) {
	if os.Getenv("LINK_TEST") != "" {
		supervise()
		return
	}
	os.Exit(m.Run())
}

// supervise reports each signal that comes over the link, and releases it at TERM.
func supervise() {
	signals := make(chan syscall.Signal)
	c, err := Inherit(func(s syscall.Signal) { signals <- s })
	if err != nil {
		os.Exit(3)
	}
	for {
		select {
		case s := <-signals:
			if s == syscall.SIGTERM {
				c.Release()
				os.Exit(4)
			}
			c.Report(Report{State: Running, Status: int(s), VM: VM{ID: "vm", PID: os.Getpid()}})
		case <-c.Gone():
			os.Exit(5)
		}
	}
}

func supervisor(t *testing.T) *Supervisor {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "LINK_TEST=1")
	f, err := Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	return f
}

func TestSupervisor(t *testing.T) {
	f := supervisor(t)
	for _, s := range []syscall.Signal{syscall.SIGWINCH, syscall.SIGHUP} {
		f.Signal(s)
		r, err := f.Next()
		if err != nil || r.State != Running || r.Status != int(s) || r.VM.ID != "vm" {
			t.Errorf("%v: %+v, %v", s, r, err)
		}
		if group, err := syscall.Getpgid(r.VM.PID); err != nil || group != r.VM.PID {
			t.Errorf("the supervisor's group is %d (%v), not its own", group, err)
		}
	}
	f.Signal(syscall.SIGTERM)
	if r, err := f.Next(); err == nil {
		t.Errorf("a report over a released link: %+v", r)
	}
	if status := f.State().ExitCode(); status != 4 {
		t.Errorf("status %d", status)
	}
	f.Signal(syscall.SIGTERM) // nobody minds
}

// TestClientGone: a supervisor notices that there is nobody in front of it.
func TestClientGone(t *testing.T) {
	f := supervisor(t)
	f.conn.Close()
	if status := f.State().ExitCode(); status != 5 {
		t.Errorf("status %d", status)
	}
}

// TestConnect brings a terminal along.
func TestConnect(t *testing.T) {
	master, slave, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer master.Close()
	defer slave.Close()
	path := filepath.Join(t.TempDir(), "socket")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	to, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	f, err := Connect(to, slave)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := l.AcceptUnix()
	if err != nil {
		t.Fatal(err)
	}
	terminal, err := ReceiveTerminal(conn)
	if err != nil {
		t.Fatal(err)
	}
	defer terminal.Close()
	if _, err := terminal.WriteString("hello"); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 5)
	if _, err := master.Read(got); err != nil || string(got) != "hello" {
		t.Errorf("%q, %v", got, err)
	}
	c := NewClient(conn, func(syscall.Signal) {})
	c.Report(Report{State: Attached})
	if r, err := f.Next(); err != nil || r.State != Attached {
		t.Errorf("%+v, %v", r, err)
	}
	c.Release()
	select {
	case <-c.Gone():
	case <-time.After(time.Minute):
		t.Error("a released link holds")
	}
	c.Release()
	var none *Client
	none.Report(Report{})
	none.Release()
	if none.Gone() != nil {
		t.Error("there is something to wait for without a link")
	}
}

// TestReceiveNoTerminal refuses who brings no terminal.
func TestReceiveNoTerminal(t *testing.T) {
	path := filepath.Join(t.TempDir(), "socket")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, text := range []string{"x", ""} {
		out, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = out.Write([]byte(text))
		out.Close()
		in, err := l.AcceptUnix()
		if err != nil {
			t.Fatal(err)
		}
		if file, err := ReceiveTerminal(in); err == nil {
			t.Errorf("%q: got %v", text, file)
		}
		in.Close()
	}
}

package leash

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

// TestMain is the keeper when it is started as one.
func TestMain(m *testing.M) {
	if os.Getenv("LEASH_TEST") != "" {
		keep()
		return
	}
	os.Exit(m.Run())
}

// keep reports each signal that comes over the leash, and lets it go at TERM.
func keep() {
	signals := make(chan syscall.Signal)
	k, err := Held(func(s syscall.Signal) { signals <- s })
	if err != nil {
		os.Exit(3)
	}
	for {
		select {
		case s := <-signals:
			if s == syscall.SIGTERM {
				k.Release()
				os.Exit(4)
			}
			k.Report(Report{State: Running, Status: int(s), VM: VM{ID: "vm", PID: os.Getpid()}})
		case <-k.Gone():
			os.Exit(5)
		}
	}
}

func keeper(t *testing.T) *Front {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "LEASH_TEST=1")
	f, err := Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	return f
}

func TestKeeper(t *testing.T) {
	f := keeper(t)
	for _, s := range []syscall.Signal{syscall.SIGWINCH, syscall.SIGHUP} {
		f.Signal(s)
		r, err := f.Next()
		if err != nil || r.State != Running || r.Status != int(s) || r.VM.ID != "vm" {
			t.Errorf("%v: %+v, %v", s, r, err)
		}
		if group, err := syscall.Getpgid(r.VM.PID); err != nil || group != r.VM.PID {
			t.Errorf("the keeper's group is %d (%v), not its own", group, err)
		}
	}
	f.Signal(syscall.SIGTERM)
	if r, err := f.Next(); err == nil {
		t.Errorf("a report from a leash that was let go: %+v", r)
	}
	if status := f.State().ExitCode(); status != 4 {
		t.Errorf("status %d", status)
	}
	f.Signal(syscall.SIGTERM) // nobody minds
}

// TestFrontGone: a keeper notices that there is nobody in front of it.
func TestFrontGone(t *testing.T) {
	f := keeper(t)
	f.conn.Close()
	if status := f.State().ExitCode(); status != 5 {
		t.Errorf("status %d", status)
	}
}

// TestVisitor brings a terminal along.
func TestVisitor(t *testing.T) {
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
	f, err := Visit(to, slave)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := l.AcceptUnix()
	if err != nil {
		t.Fatal(err)
	}
	terminal, err := Receive(conn)
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
	k := Hold(conn, func(syscall.Signal) {})
	k.Report(Report{State: Attached})
	if r, err := f.Next(); err != nil || r.State != Attached {
		t.Errorf("%+v, %v", r, err)
	}
	k.Release()
	select {
	case <-k.Gone():
	case <-time.After(time.Minute):
		t.Error("a leash that was let go holds")
	}
	k.Release()
	var none *Keeper
	none.Report(Report{})
	none.Release()
	if none.Gone() != nil {
		t.Error("there is something to wait for without a leash")
	}
}

// TestReceiveNothing refuses who brings no terminal.
func TestReceiveNothing(t *testing.T) {
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
		if file, err := Receive(in); err == nil {
			t.Errorf("%q: got %v", text, file)
		}
		in.Close()
	}
}

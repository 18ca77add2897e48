package link

import (
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// Supervisor is a client's end of the link to the supervisor.
type Supervisor struct {
	conn    *net.UnixConn
	reports *json.Decoder
	cmd     *exec.Cmd // nil when the supervisor is no child of this process
	done    chan struct{}
}

// Start starts a supervisor in a session of its own.
func Start(cmd *exec.Cmd) (*Supervisor, error) {
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		return nil, os.NewSyscallError("socketpair", err)
	}
	for _, fd := range fds {
		syscall.CloseOnExec(fd)
	}
	theirs := os.NewFile(uintptr(fds[1]), "link")
	defer theirs.Close()
	conn, err := connOf(os.NewFile(uintptr(fds[0]), "link"))
	if err != nil {
		return nil, err
	}
	cmd.ExtraFiles = []*os.File{theirs}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		conn.Close()
		return nil, err
	}
	s := &Supervisor{conn: conn, reports: json.NewDecoder(conn), cmd: cmd, done: make(chan struct{})}
	go func() {
		_ = cmd.Wait() // the status is read off cmd.ProcessState
		close(s.done)
	}()
	return s, nil
}

// Connect takes a terminal to the supervisor at the other end of conn. Whoever that
// is has the terminal from then on.
func Connect(conn *net.UnixConn, terminal *os.File) (*Supervisor, error) {
	if _, _, err := conn.WriteMsgUnix([]byte{0}, unix.UnixRights(int(terminal.Fd())), nil); err != nil {
		conn.Close()
		return nil, err
	}
	return &Supervisor{conn: conn, reports: json.NewDecoder(conn)}, nil
}

// Signal passes a signal on to the supervisor. One that this process has started
// goes on if it was stopped, so that it hears.
func (s *Supervisor) Signal(sig syscall.Signal) {
	_, err := s.conn.Write([]byte{byte(sig)})
	if s.cmd == nil {
		return
	}
	if err != nil {
		_ = s.cmd.Process.Signal(sig) // it may have ended as well
	}
	_ = s.cmd.Process.Signal(syscall.SIGCONT)
}

// Next returns the next report; io.EOF after the last one.
func (s *Supervisor) Next() (Report, error) {
	var r Report
	err := s.reports.Decode(&r)
	return r, err
}

// State waits for the supervisor and returns how it ended.
func (s *Supervisor) State() *os.ProcessState {
	<-s.done
	return s.cmd.ProcessState
}

package leash

import (
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// Front is the front's end of a leash.
type Front struct {
	conn    *net.UnixConn
	reports *json.Decoder
	cmd     *exec.Cmd // nil when the keeper is no child of this process
	done    chan struct{}
}

// Start starts a keeper in a session of its own.
func Start(cmd *exec.Cmd) (*Front, error) {
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		return nil, os.NewSyscallError("socketpair", err)
	}
	for _, fd := range fds {
		syscall.CloseOnExec(fd)
	}
	theirs := os.NewFile(uintptr(fds[1]), "leash")
	defer theirs.Close()
	conn, err := connOf(os.NewFile(uintptr(fds[0]), "leash"))
	if err != nil {
		return nil, err
	}
	cmd.ExtraFiles = []*os.File{theirs}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		conn.Close()
		return nil, err
	}
	f := &Front{conn: conn, reports: json.NewDecoder(conn), cmd: cmd, done: make(chan struct{})}
	go func() {
		_ = cmd.Wait() // the status is read off cmd.ProcessState
		close(f.done)
	}()
	return f, nil
}

// Visit takes a terminal to the keeper at the other end of conn. Whoever that
// is has the terminal from then on.
func Visit(conn *net.UnixConn, terminal *os.File) (*Front, error) {
	if _, _, err := conn.WriteMsgUnix([]byte{0}, unix.UnixRights(int(terminal.Fd())), nil); err != nil {
		conn.Close()
		return nil, err
	}
	return &Front{conn: conn, reports: json.NewDecoder(conn)}, nil
}

// Signal passes a signal on to the keeper. One that this process has started
// goes on if it was stopped, so that it hears.
func (f *Front) Signal(s syscall.Signal) {
	_, err := f.conn.Write([]byte{byte(s)})
	if f.cmd == nil {
		return
	}
	if err != nil {
		_ = f.cmd.Process.Signal(s) // it may have ended as well
	}
	_ = f.cmd.Process.Signal(syscall.SIGCONT)
}

// Next returns the next report; io.EOF after the last one.
func (f *Front) Next() (Report, error) {
	var r Report
	err := f.reports.Decode(&r)
	return r, err
}

// State waits for the keeper and returns how it ended.
func (f *Front) State() *os.ProcessState {
	<-f.done
	return f.cmd.ProcessState
}

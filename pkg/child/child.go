// Package child starts processes that must not outlive nixvf. Each has a session
// of its own, so that it gets no signal from the terminal or the process group
// unless nixvf sends it. Where the kernel can, it ends them with nixvf.
//
// It imports nothing of nixvf.
package child

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
)

// Process is a started process.
type Process struct {
	Name string
	cmd  *exec.Cmd
	done chan struct{}
	once sync.Once
}

// Start starts cmd in a new session. When this process ends first, the kernel
// kills it (Linux, PR_SET_PDEATHSIG), or, elsewhere, hangs up the terminal that
// is its stdin, if this process holds the other side.
//
// The kernel means the thread that started the child when it says parent, so
// that thread stays for as long as the child does.
func Start(name string, cmd *exec.Cmd) (*Process, error) {
	p := &Process{Name: name, cmd: cmd, done: make(chan struct{})}
	bind(cmd)
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // the status is read off cmd.ProcessState
			close(p.done)
		}
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return p, nil
}

// PID returns the process's id, also when it has ended.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Signal sends a signal; a process that has ended is no error.
func (p *Process) Signal(s syscall.Signal) error {
	err := p.cmd.Process.Signal(s)
	if errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	return err
}

// End kills the process and waits for it. A process that has ended is left as
// it is.
func (p *Process) End() {
	p.once.Do(func() { _ = p.Signal(syscall.SIGKILL) })
	<-p.done
}

// Status waits for the process and returns its exit status: 128+N when signal
// N ended it.
func (p *Process) Status() int {
	<-p.done
	return StatusOf(p.cmd.ProcessState)
}

// StatusOf returns the exit status of a process that has ended: 128+N when
// signal N ended it.
func StatusOf(state *os.ProcessState) int {
	if state == nil {
		return 1
	}
	if w, ok := state.Sys().(syscall.WaitStatus); ok && w.Signaled() {
		return 128 + int(w.Signal())
	}
	return state.ExitCode()
}

// Run runs cmd, which only answers a question, to its end. When ctx ends first,
// it is killed with all that it started, and the error is ctx's cause.
func Run(ctx context.Context, name string, cmd *exec.Cmd) error {
	p, err := Start(name, cmd)
	if err != nil {
		return err
	}
	select {
	case <-p.Done():
	case <-ctx.Done():
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // the session's only group
		p.End()
		return context.Cause(ctx)
	}
	if status := p.Status(); status != 0 {
		return fmt.Errorf("it ended with status %d", status)
	}
	return nil
}

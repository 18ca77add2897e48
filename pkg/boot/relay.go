package boot

import (
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nixvf/nixvf/pkg/console"
	"github.com/nixvf/nixvf/pkg/link"
)

// relay is a client's work: it passes on what comes from the shell and the
// kernel to the supervisor, and the supervisor's reports to whoever reads them.
type relay struct {
	terminal *os.File
	signals  chan os.Signal
	reports  chan link.Report    // what the supervisor says; closed when it says no more
	followed chan struct{}       // the supervisor has done with the terminal what the shell wants
	unheard  chan syscall.Signal // a request to end that the supervisor did not answer
}

const (
	// followTime is how long the supervisor may take to give the terminal back.
	followTime = time.Second
	// hearTime is how long it may take to answer a request to end.
	hearTime = 2 * time.Second
)

// newRelay keeps the signals that come from now on.
func (c Config) newRelay() *relay {
	r := &relay{
		terminal: c.Stdout, signals: make(chan os.Signal, 8), reports: make(chan link.Report),
		followed: make(chan struct{}, 1), unheard: make(chan syscall.Signal, 1),
	}
	signal.Notify(r.signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGWINCH, syscall.SIGTSTP)
	return r
}

// start passes on what comes from either side, until leave.
func (r *relay) start(to *link.Supervisor) {
	go r.listen(to)
	go func() {
		for s := range r.signals {
			r.pass(to, s.(syscall.Signal))
		}
	}()
}

func (r *relay) leave() {
	signal.Stop(r.signals)
	close(r.signals)
}

// listen reads the supervisor's reports.
func (r *relay) listen(to *link.Supervisor) {
	defer close(r.reports)
	for {
		report, err := to.Next()
		switch {
		case err != nil:
			return
		case report.State != link.Followed:
			r.reports <- report
			continue
		}
		select {
		case r.followed <- struct{}{}:
		default:
		}
	}
}

// pass passes a signal on to the supervisor.
func (r *relay) pass(to *link.Supervisor, s syscall.Signal) {
	switch s {
	case syscall.SIGTSTP:
		r.stop(to)
		return
	case syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT:
		time.AfterFunc(hearTime, func() {
			select {
			case r.unheard <- s:
			default:
			}
		})
	}
	to.Signal(s)
}

// stop stops this process, as the shell wants it, once the supervisor has given the
// terminal back, and gives it to the supervisor again when this process goes on in
// the foreground. In the background it is stopped like any that wants to read
// from its terminal. Where no shell looks after it, it goes on, as it does with
// the default effect of TSTP, which Go's runtime does not give back.
func (r *relay) stop(to *link.Supervisor) {
	for len(r.followed) > 0 {
		<-r.followed
	}
	to.Signal(syscall.SIGTSTP)
	select {
	case <-r.followed:
	case <-time.After(followTime):
	}
	if session, err := unix.Getsid(0); err == nil && session != unix.Getpgrp() {
		stopUntil(func() bool { return console.Foreground(r.terminal) })
	}
	to.Signal(syscall.SIGCONT)
}

// stopUntil stops this process at least once, and as often as it is let go on
// before ready is true. A thread may run on for a moment after the process has
// stopped itself, in which nothing has changed yet: only SIGCONT tells that the
// stop is over.
func stopUntil(ready func() bool) {
	continued := make(chan os.Signal, 1)
	signal.Notify(continued, syscall.SIGCONT)
	defer signal.Stop(continued)
	for {
		_ = syscall.Kill(os.Getpid(), syscall.SIGSTOP)
		<-continued
		if ready() {
			return
		}
	}
}

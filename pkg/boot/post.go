package boot

import (
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nixvf/nixvf/pkg/console"
	"github.com/nixvf/nixvf/pkg/leash"
)

// post is where the process in front of a keeper stands: between the shell and
// the kernel's signals on one side and the keeper on the other.
type post struct {
	terminal *os.File
	signals  chan os.Signal
	reports  chan leash.Report   // what the keeper says; closed when it says no more
	followed chan struct{}       // the keeper has done with the terminal what the shell wants
	unheard  chan syscall.Signal // a request to end that the keeper did not answer
}

const (
	// followTime is how long the keeper may take to give the terminal back.
	followTime = time.Second
	// hearTime is how long it may take to answer a request to end.
	hearTime = 2 * time.Second
)

// newPost keeps the signals that come from now on.
func (c Config) newPost() *post {
	p := &post{
		terminal: c.Stdout, signals: make(chan os.Signal, 8), reports: make(chan leash.Report),
		followed: make(chan struct{}, 1), unheard: make(chan syscall.Signal, 1),
	}
	signal.Notify(p.signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGWINCH, syscall.SIGTSTP)
	return p
}

// man passes on what comes from either side, until leave.
func (p *post) man(f *leash.Front) {
	go p.listen(f)
	go func() {
		for s := range p.signals {
			p.pass(f, s.(syscall.Signal))
		}
	}()
}

func (p *post) leave() {
	signal.Stop(p.signals)
	close(p.signals)
}

// listen reads the keeper's reports.
func (p *post) listen(f *leash.Front) {
	defer close(p.reports)
	for {
		r, err := f.Next()
		switch {
		case err != nil:
			return
		case r.State != leash.Followed:
			p.reports <- r
			continue
		}
		select {
		case p.followed <- struct{}{}:
		default:
		}
	}
}

// pass passes a signal on to the keeper.
func (p *post) pass(f *leash.Front, s syscall.Signal) {
	switch s {
	case syscall.SIGTSTP:
		p.stop(f)
		return
	case syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT:
		time.AfterFunc(hearTime, func() {
			select {
			case p.unheard <- s:
			default:
			}
		})
	}
	f.Signal(s)
}

// stop stops this process, as the shell wants it, once the keeper has given the
// terminal back, and gives it to the keeper again when this process goes on in
// the foreground. In the background it is stopped like any that wants to read
// from its terminal. Where no shell looks after it, it goes on, as it does with
// the default effect of TSTP, which Go's runtime does not give back.
func (p *post) stop(f *leash.Front) {
	for len(p.followed) > 0 {
		<-p.followed
	}
	f.Signal(syscall.SIGTSTP)
	select {
	case <-p.followed:
	case <-time.After(followTime):
	}
	if session, err := unix.Getsid(0); err == nil && session != unix.Getpgrp() {
		stopUntil(func() bool { return console.Foreground(p.terminal) })
	}
	f.Signal(syscall.SIGCONT)
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

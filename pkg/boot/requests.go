package boot

import (
	"os"
	"os/signal"
	"syscall"
)

// requests collects whatever asks for the VM's end: signals and the escape
// sequence, and a console that nobody has any more, which does not ask twice. A
// terminal of another size asks for less.
type requests struct {
	signals chan os.Signal
	pipe    chan os.Signal
	resized chan os.Signal
	keys    chan string
	lost    chan string
	told    chan os.Signal
}

// newRequests takes over INT, TERM, HUP and QUIT, and USR1, by which another
// nixvf-boot asks for the VM's end, as often as it likes. It takes PIPE too, so that a
// console that nobody reads is an error to act on and not the end of this
// process.
func newRequests() *requests {
	r := &requests{
		signals: make(chan os.Signal, 4),
		pipe:    make(chan os.Signal, 1),
		resized: make(chan os.Signal, 1),
		keys:    make(chan string, 4),
		lost:    make(chan string, 1),
		told:    make(chan os.Signal, 1),
	}
	signal.Notify(r.told, syscall.SIGUSR1)
	signal.Notify(r.signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT)
	signal.Notify(r.pipe, syscall.SIGPIPE)
	signal.Notify(r.resized, syscall.SIGWINCH)
	return r
}

// ask adds a request to keys or lost; why is for the message. It never blocks:
// when many are waiting already, one more changes nothing.
func ask(requests chan<- string, why string) {
	select {
	case requests <- why:
	default:
	}
}

func (r *requests) close() {
	signal.Stop(r.signals)
	signal.Stop(r.told)
	signal.Stop(r.pipe)
	signal.Stop(r.resized)
}

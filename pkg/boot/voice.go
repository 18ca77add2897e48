package boot

import (
	"fmt"
	"time"
)

// voice says things one after the other, for those who must not wait for it: a
// terminal that takes no output takes no message either.
type voice struct{ lines chan func() }

const (
	// mostLines is how many messages wait; more are dropped.
	mostLines = 64
	// settled is how long those that wait may take before the terminal changes
	// hands.
	settled = 300 * time.Millisecond
)

func newVoice() voice {
	v := voice{make(chan func(), mostLines)}
	go func() {
		for say := range v.lines {
			say()
		}
	}()
	return v
}

// say has a message said, soon.
func (v voice) say(f func()) {
	select {
	case v.lines <- f:
	default:
	}
}

// settle waits until all has been said, for a while.
func (v voice) settle() {
	done := make(chan struct{})
	v.say(func() { close(done) })
	select {
	case <-done:
	case <-time.After(settled):
	}
}

// end says what is left, for a while, and then no more.
func (v voice) end() {
	v.settle()
	close(v.lines)
}

// tell has something said by the goroutine that waits for the VM's end, to which
// the terminal belongs.
func (c *guestConsole) tell(format string, args ...any) { c.notes <- fmt.Sprintf(format, args...) }

// note says something while the terminal may be raw: it starts a line of its
// own. A client's terminal is not where messages go, so it gets a copy. Nobody
// waits until it is said.
func (c *guestConsole) note(format string, args ...any) {
	terminal, attached := c.terminal, c.attached
	c.voice.say(func() {
		if !attached {
			terminal.Beside(func() { c.m.Say(format, args...) })
			return
		}
		c.m.Say(format, args...)
		if terminal.IsRaw() {
			terminal.Line("nixvf-boot: " + fmt.Sprintf(format, args...))
		}
	})
}

// sayRest says what was told while nobody waited for the VM's end any more.
func (c *guestConsole) sayRest() {
	for {
		select {
		case text := <-c.notes:
			c.note("%s", text)
		default:
			return
		}
	}
}

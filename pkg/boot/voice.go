package boot

import "time"

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

package console

import (
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Spread passes what the guest prints to everybody who wants it, and waits for
// the slowest of them, as a program waits for its terminal. Whoever waits for
// nothing else, such as the end of the VM, does not wait for them: one that
// takes nothing at all can be removed at any time. A writer that fails is
// dropped.
type Spread struct {
	mu      sync.Mutex
	outs    []*out
	tail    []byte    // the last of it, for messages
	written uint64    // bytes, in all
	clock   clock     // of the guest's kernel
	began   time.Time // the VM's start
	quiet   *time.Timer
	silence time.Duration
	taken   atomic.Uint64 // bytes that writers have taken, in all
}

// out is a writer with a goroutine of its own, which may be stuck in it.
type out struct {
	io.Writer
	failed  func(error)
	taken   *atomic.Uint64
	busy    atomic.Bool // it is writing
	pieces  chan []byte
	removed chan struct{} // closed when nothing more is wanted
	done    chan struct{} // closed when nothing more is written
}

const (
	// tailSize is how much of a console is remembered, in bytes: a kernel's panic
	// with what it says about it.
	tailSize = 16 << 10
	// lastPiece is how long a writer may take for what it has begun to write when
	// it is removed.
	lastPiece = 300 * time.Millisecond
)

// Begin says that the VM starts now.
func (s *Spread) Begin(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.began = now
}

// possible is the latest time that the kernel of the VM can have, in seconds.
func (s *Spread) possible() float64 { return (time.Since(s.began) + clockSlack).Seconds() }

// Add adds a writer. When it fails, failed is called once.
func (s *Spread) Add(w io.Writer, failed func(error)) {
	o := &out{
		Writer: w, failed: failed, taken: &s.taken,
		pieces: make(chan []byte), removed: make(chan struct{}), done: make(chan struct{}),
	}
	go o.pass()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.outs = append(s.outs, o)
}

// Remove removes a writer. When it returns, nothing is written to it any more,
// unless it is stuck: then it may write what it has begun, no more.
func (s *Spread) Remove(w io.Writer) {
	s.remove(func(o *out) bool { return o.Writer == w })
}

// RemoveBusy removes the writers that are in the middle of a piece, but for
// keep, and returns them: when nobody has taken anything for a while, they are
// stuck.
func (s *Spread) RemoveBusy(keep io.Writer) []io.Writer {
	var stuck []io.Writer
	for _, o := range s.remove(func(o *out) bool { return o.busy.Load() && o.Writer != keep }) {
		stuck = append(stuck, o.Writer)
	}
	return stuck
}

// Close removes all writers.
func (s *Spread) Close() { s.remove(func(*out) bool { return true }) }

// Flush waits until all writers have written what they were given, or are
// removed.
func (s *Spread) Flush() {
	s.mu.Lock()
	outs := slices.Clone(s.outs)
	s.mu.Unlock()
	for _, o := range outs {
		o.offer(nil)
	}
}

// remove removes writers and returns them.
func (s *Spread) remove(which func(*out) bool) (removed []*out) {
	s.mu.Lock()
	s.outs = slices.DeleteFunc(s.outs, func(o *out) bool {
		gone := which(o)
		if gone {
			removed = append(removed, o)
			close(o.removed)
		}
		return gone
	})
	s.mu.Unlock()
	patience := time.After(lastPiece)
	for _, o := range removed {
		select {
		case <-o.done:
		case <-patience:
			return removed
		}
	}
	return removed
}

// pass writes one piece after the other.
func (o *out) pass() {
	defer close(o.done)
	for {
		select {
		case p := <-o.pieces:
			if err := o.write(p); err != nil {
				o.failed(err)
				return
			}
		case <-o.removed:
			return
		}
	}
}

// write writes a piece, little by little, so that it can be seen how far it is.
func (o *out) write(p []byte) error {
	o.busy.Store(true)
	defer o.busy.Store(false)
	for len(p) > 0 {
		n, err := o.Write(p[:min(len(p), pieceSize)])
		if err != nil {
			return err
		}
		o.taken.Add(uint64(n))
		p = p[n:]
	}
	return nil
}

// offer waits until the piece before this one is written, and reports whether
// the writer is still there.
func (o *out) offer(p []byte) bool {
	select {
	case o.pieces <- p:
		return true
	case <-o.removed:
	case <-o.done: // it failed
	}
	return false
}

// AfterSilence has f called whenever the guest has printed something, and then
// nothing for as long as silence. Call it before there is output.
func (s *Spread) AfterSilence(silence time.Duration, f func()) {
	s.silence = silence
	s.quiet = time.AfterFunc(silence, f)
	s.quiet.Stop()
}

// Written returns how much the guest has printed, in bytes.
func (s *Spread) Written() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.written
}

// Taken returns how much has been written to all writers together, in bytes: it
// grows as long as somebody takes something.
func (s *Spread) Taken() uint64 { return s.taken.Load() }

// Tail returns the last of what the guest has printed, 16 KiB at most.
func (s *Spread) Tail() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.tail)
}

// write passes on a piece of output, of which it makes a copy.
func (s *Spread) write(p []byte) {
	if len(p) == 0 {
		return
	}
	p = slices.Clone(p)
	for _, o := range s.remember(p) {
		if !o.offer(p) {
			s.forget(o)
		}
	}
	if s.quiet != nil {
		s.quiet.Reset(s.silence) // from when everybody has it, or nearly so
	}
}

// remember notes what is about to be passed on, and returns to whom.
func (s *Spread) remember(p []byte) []*out {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.quiet != nil {
		s.quiet.Stop()
	}
	s.written += uint64(len(p))
	s.clock.note(p, s.possible())
	s.tail = append(s.tail, p...)
	s.tail = append(s.tail[:0], s.tail[max(0, len(s.tail)-tailSize):]...)
	return slices.Clone(s.outs)
}

func (s *Spread) forget(gone *out) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.outs = slices.DeleteFunc(s.outs, func(o *out) bool { return o == gone })
}

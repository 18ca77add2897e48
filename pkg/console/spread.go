package console

import (
	"io"
	"slices"
	"sync"
	"time"
)

// Spread passes what the guest prints to everybody who wants it. The guest
// never waits for one who cannot take it: a writer that fails is dropped.
type Spread struct {
	mu      sync.Mutex
	outs    []out
	tail    []byte // the last of it, for messages
	written uint64 // bytes, in all
	quiet   *time.Timer
	silence time.Duration
}

type out struct {
	io.Writer
	failed func(error)
}

// tailSize is how much of a console is remembered, in bytes: a kernel's panic
// with what it says about it.
const tailSize = 16 << 10

// Add adds a writer. When it fails, failed is called once.
func (s *Spread) Add(w io.Writer, failed func(error)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.outs = append(s.outs, out{w, failed})
}

// Remove removes a writer. When it returns, nothing is written to it any more.
func (s *Spread) Remove(w io.Writer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.outs = slices.DeleteFunc(s.outs, func(o out) bool { return o.Writer == w })
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

// Tail returns the last of what the guest has printed, 16 KiB at most.
func (s *Spread) Tail() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.tail)
}

func (s *Spread) write(p []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.written += uint64(len(p))
	if s.quiet != nil && len(p) > 0 {
		defer s.quiet.Reset(s.silence) // from when everybody has it
	}
	s.tail = append(s.tail, p...)
	s.tail = append(s.tail[:0], s.tail[max(0, len(s.tail)-tailSize):]...)
	s.outs = slices.DeleteFunc(s.outs, func(o out) bool {
		_, err := o.Write(p)
		if err != nil {
			o.failed(err)
		}
		return err != nil
	})
}

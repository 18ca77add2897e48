package console

import (
	"io"
	"slices"
	"sync"
)

// Spread passes what the guest prints to everybody who wants it. The guest
// never waits for one who cannot take it: a writer that fails is dropped.
type Spread struct {
	mu   sync.Mutex
	outs []out
	tail []byte // the last of it, for messages
}

type out struct {
	io.Writer
	failed func(error)
}

// tailSize is how much of a console is remembered, in bytes.
const tailSize = 4 << 10

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

// Tail returns the last of what the guest has printed, 4 KiB at most.
func (s *Spread) Tail() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.tail)
}

func (s *Spread) write(p []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
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

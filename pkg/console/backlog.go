package console

import (
	"io"
	"os"
	"sync"
)

// backlog is the input that the guest has not taken yet. Whoever has some need
// not wait for a guest that takes none: a key must not keep the next one, which
// may be part of an escape sequence, from being read.
type backlog struct {
	mu      sync.Mutex
	changed *sync.Cond
	waiting []byte
	closed  bool
}

const (
	// roomForKeys is how much input waits at most, in bytes; then keys wait too.
	roomForKeys = 64 << 10
	// roomForFiles is that of a file's input, which comes as fast as it is taken
	// and gives precedence to keys.
	roomForFiles = 1
)

func newBacklog() *backlog {
	b := &backlog{}
	b.changed = sync.NewCond(&b.mu)
	return b
}

// put adds input as soon as less than room waits.
func (b *backlog) put(input []byte, room int) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	for len(b.waiting) >= room && !b.closed {
		b.changed.Wait()
	}
	if b.closed {
		return os.ErrClosed
	}
	b.waiting = append(b.waiting, input...)
	b.changed.Broadcast()
	return nil
}

// offer adds input at once, or not at all.
func (b *backlog) offer(input []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.waiting) < roomForKeys {
		b.waiting = append(b.waiting, input...)
		b.changed.Broadcast()
	}
}

// pass writes what is put to w, in order, until close or an error of w.
func (b *backlog) pass(w io.Writer) {
	defer b.close()
	for {
		b.mu.Lock()
		for len(b.waiting) == 0 && !b.closed {
			b.changed.Wait()
		}
		next, closed := b.waiting, b.closed
		b.mu.Unlock()
		if closed {
			return
		}
		n, err := w.Write(next[:min(len(next), pieceSize)])
		if err != nil {
			return
		}
		b.mu.Lock()
		b.waiting = b.waiting[n:]
		b.changed.Broadcast()
		b.mu.Unlock()
	}
}

// pieceSize is how much is written at once, in bytes: as much as a terminal
// takes for a guest that is about to read.
const pieceSize = 4 << 10

func (b *backlog) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	b.changed.Broadcast()
}

package network

import (
	"io"
	"sync"
)

// logMost bounds the log: the guest decides how much goes wrong.
const logMost = 1 << 20

// bounded writes until its bound, and then says that it ends there.
type bounded struct {
	mu   sync.Mutex
	to   io.Writer
	left int
}

func (b *bounded) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	text := p
	switch {
	case b.left <= 0:
		return len(p), nil
	case b.left < len(p):
		text = append(p[:b.left:b.left], "\n(no more is logged)\n"...)
	}
	b.left -= len(p)
	_, _ = b.to.Write(text) // a full disk is no reason for a message each time
	return len(p), nil
}

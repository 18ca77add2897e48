package disk

import (
	"bytes"
	"context"
	"os"

	"github.com/diskfs/go-diskfs/backend"
)

// sparse is the storage that go-diskfs writes to: a file that was just
// extended, so that all of it reads as zeros. Zeros that are written where
// nothing else has been are left out; an image then costs only the blocks
// that hold something.
type sparse struct {
	*os.File
	ctx     context.Context
	written map[int64]bool // numbers of the blocks that were written
	err     error          // the first error; go-diskfs formats some away
	far     int64          // the furthest offset so far
	report  func(int64)    // is told of it
}

var (
	_ backend.Storage      = (*sparse)(nil)
	_ backend.WritableFile = (*sparse)(nil)
)

var zeros [BlockSize]byte

func newSparse(ctx context.Context, f *os.File) *sparse {
	return &sparse{File: f, ctx: ctx, written: map[int64]bool{}, report: func(int64) {}}
}

// Sys returns no file: with one go-diskfs would flush it often.
func (s *sparse) Sys() (*os.File, error) { return nil, backend.ErrNotSuitable }

func (s *sparse) Writable() (backend.WritableFile, error) { return s, nil }

func (s *sparse) Path() string { return s.Name() }

// WriteAt writes the runs of blocks in p that hold something.
func (s *sparse) WriteAt(p []byte, off int64) (int, error) {
	if s.err == nil && off > s.far {
		s.far = off
		s.report(off)
	}
	if s.err == nil {
		s.err = s.ctx.Err()
	}
	done := 0
	for s.err == nil && done < len(p) {
		skip := s.run(p[done:], off+int64(done), false)
		done += skip
		keep := s.run(p[done:], off+int64(done), true)
		if keep == 0 {
			continue
		}
		_, s.err = s.File.WriteAt(p[done:done+keep], off+int64(done))
		done += keep
	}
	if s.err != nil {
		return 0, s.err
	}
	return done, nil
}

// run returns how many bytes at the start of p, which belong at off, are in
// blocks that must (or need not) be written, and notes those that must.
func (s *sparse) run(p []byte, off int64, must bool) int {
	n := 0
	for n < len(p) {
		at := off + int64(n)
		part := p[n:min(len(p), n+int(BlockSize-at%BlockSize))]
		block := at / BlockSize
		if must != (s.written[block] || !bytes.Equal(part, zeros[:len(part)])) {
			break
		}
		if must {
			s.written[block] = true
		}
		n += len(part)
	}
	return n
}

// Package disk makes root disk images for virtual machines: raw, sparse files
// that hold an ext4 file system or nothing at all. go-diskfs writes the file
// system, so no other program and no root privilege is needed.
//
// It makes an image completely or not at all, and never over an existing file.
// The caller decides where an image belongs and whether a VM uses it. The package
// imports nothing of nixvf.
package disk

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/google/uuid"
)

// Format says what an image holds.
type Format string

const (
	Ext4 Format = "ext4" // an empty ext4 file system over the whole image
	None Format = "none" // zeros: a blank disk
)

const (
	// SectorSize is the unit in which a VM sees its disk, in bytes (virtio
	// 1.2, section 5.2.4: capacity in 512-byte sectors).
	SectorSize = 512

	// BlockSize is the size of an ext4 block in bytes, and what the size of
	// every image is rounded up to: the largest that every kernel mounts, and
	// what mkfs.ext4 chooses from 512 MiB upwards.
	BlockSize = 4096

	// MinSize is the smallest ext4 image, in bytes. go-diskfs gives every file
	// system a journal of at least 4 MiB (1024 blocks, the least that the
	// kernel's jbd2 takes); this leaves twice as much room for files.
	MinSize = 16 << 20

	// MaxSize is the largest image, in bytes: the largest that was made and
	// found clean by e2fsck. A gibibyte takes go-diskfs about 25 ms, whatever
	// the size.
	MaxSize = 1 << 40

	// MaxLabel is the longest label in bytes: s_volume_name in the superblock
	// (kernel documentation, filesystems/ext4/super.rst).
	MaxLabel = 16
)

// Spec says what a new image is.
type Spec struct {
	Size   int64     // bytes, rounded up to a whole block
	Format Format    // Ext4 or None
	Label  string    // ext4 volume label: at most MaxLabel bytes of printable ASCII
	UUID   uuid.UUID // ext4 UUID; zero means random
}

// Check returns everything that is wrong with the spec, one line for each
// problem, each naming the field. It touches nothing.
func (s Spec) Check() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	smallest := int64(BlockSize)
	switch s.Format {
	case Ext4:
		smallest = MinSize
	case None:
		if s.Label != "" {
			bad("label %q: only an ext4 image can have one", s.Label)
		}
		if s.UUID != uuid.Nil {
			bad("uuid %s: only an ext4 image can have one", s.UUID)
		}
	default:
		bad("format %q: must be %q or %q", s.Format, Ext4, None)
	}
	if s.Size < smallest {
		bad("size %d: the smallest image has %s", s.Size, describe(smallest))
	}
	if s.Size > MaxSize {
		bad("size %d: the largest image has %s", s.Size, describe(MaxSize))
	}
	if len(s.Label) > MaxLabel {
		bad("label %q: has %d bytes, ext4 takes at most %d", s.Label, len(s.Label), MaxLabel)
	}
	if !printable(s.Label) {
		bad("label %q: must be printable ASCII", s.Label)
	}
	return errors.Join(errs...)
}

func printable(s string) bool {
	for _, c := range []byte(s) {
		if c < ' ' || c > '~' {
			return false
		}
	}
	return true
}

// Create makes the image that spec describes at path, with mode 0600. The
// directory must exist.
//
// The image appears at path whole or not at all. Something that is already
// there, be it a directory, a device or a symbolic link to nowhere, is never
// touched: the error then says what it is, and errors.Is(err, fs.ErrExist) is
// true. Of those who create the same path at once, all but one get this too.
// After an error, or when ctx ends first, nothing is left behind. A kill may
// leave a file .NAME.nixvf-DIGITS beside path, which the next Create of the
// same path removes.
func Create(ctx context.Context, path string, spec Spec) error {
	if err := spec.Check(); err != nil {
		return err
	}
	if err := create(ctx, path, spec); err != nil {
		return &fs.PathError{Op: "create", Path: path, Err: err}
	}
	return nil
}

func create(ctx context.Context, path string, spec Spec) error {
	report := Reporter(ctx, path, roundUp(spec.Size))
	defer report(roundUp(spec.Size))
	return place(ctx, path, func(f *os.File) error { return fill(ctx, f, spec, report) })
}

// Place makes the file at path of what fill puts into an empty one, as [Create]
// makes its image: whole or not at all, and never over something that is there.
func Place(ctx context.Context, path string, fill func(f *os.File) error) error {
	err := place(ctx, path, func(f *os.File) error {
		err := fill(f)
		var pathErr *fs.PathError
		if errors.As(err, &pathErr) && pathErr.Path == f.Name() {
			return pathErr.Err
		}
		if err != nil {
			return err
		}
		return cause(f.Sync())
	})
	if err != nil {
		return &fs.PathError{Op: "create", Path: path, Err: err}
	}
	return nil
}

func place(ctx context.Context, path string, fill func(f *os.File) error) error {
	sweep(path)
	if err := checkAbsent(path); err != nil {
		return err
	}
	tmp, err := newTemporary(path)
	if err != nil {
		return err
	}
	defer tmp.discard()
	if err := fill(tmp.File); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return tmp.place(path)
}

// checkAbsent returns an error that says what is at path, or nil if nothing is.
func checkAbsent(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return cause(err)
	}
	return fmt.Errorf("%w (%s)", fs.ErrExist, kind(info.Mode()))
}

// kind names the type of a file in words.
func kind(mode fs.FileMode) string {
	switch {
	case mode.IsRegular():
		return "a regular file"
	case mode.IsDir():
		return "a directory"
	case mode&fs.ModeSymlink != 0:
		return "a symbolic link"
	case mode&fs.ModeNamedPipe != 0:
		return "a named pipe"
	case mode&fs.ModeSocket != 0:
		return "a socket"
	case mode&fs.ModeDevice != 0:
		return "a device"
	}
	return "a special file"
}

// fill gives the empty file its size and content, and flushes it once.
func fill(ctx context.Context, f *os.File, spec Spec, report func(int64)) error {
	size := roundUp(spec.Size)
	if err := f.Truncate(size); err != nil {
		return cause(err)
	}
	if spec.Format == Ext4 {
		if err := makeExt4(ctx, f, size, spec, report); err != nil {
			return err
		}
	}
	return cause(f.Sync())
}

// roundUp returns the next multiple of BlockSize.
func roundUp(size int64) int64 { return (size + BlockSize - 1) &^ (BlockSize - 1) }

// cause strips the name of the temporary file from err: it means nothing to
// those who asked for another.
func cause(err error) error {
	var pathErr *fs.PathError
	var linkErr *os.LinkError
	switch {
	case errors.As(err, &pathErr):
		return pathErr.Err
	case errors.As(err, &linkErr):
		return linkErr.Err
	}
	return err
}

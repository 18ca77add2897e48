package disk

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// Grow enlarges the raw image at path to size bytes, rounded up to a whole
// block; the new part reads as zeros. It never makes an image smaller: a
// smaller size is an error, and the present one nothing to do. The file system
// inside grows when the guest next resizes it.
//
// The image must be a regular file that no VM uses. The caller sees to the
// latter; Grow itself only keeps others out that grow the same image.
func Grow(ctx context.Context, path string, size int64) error {
	if err := grow(ctx, path, size); err != nil {
		return &fs.PathError{Op: "grow", Path: path, Err: err}
	}
	return nil
}

func grow(ctx context.Context, path string, size int64) error {
	if size > MaxSize {
		return fmt.Errorf("size %d: the largest image has %s", size, describe(MaxSize))
	}
	f, err := openImage(path)
	if err != nil {
		return err
	}
	defer f.Close()
	// Held for the length of two calls: without it the slower of two could
	// cut off what the other has added.
	if err := lock(f); errors.Is(err, unix.EWOULDBLOCK) {
		return errors.New("locked by another process")
	}
	info, err := f.Stat()
	if err != nil {
		return cause(err)
	}
	switch size = roundUp(size); {
	case ctx.Err() != nil:
		return ctx.Err()
	case size < info.Size():
		return fmt.Errorf("has %d bytes, and an image never shrinks (%d)", info.Size(), size)
	case size == info.Size():
		return nil
	}
	if err := f.Truncate(size); err != nil {
		return cause(err)
	}
	return cause(f.Sync())
}

// openImage opens the raw image at path. It looks before it opens, since
// opening a device or a pipe can have effects of its own.
func openImage(path string) (*os.File, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, cause(err)
	}
	if err := checkImage(info); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_RDWR|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, cause(err)
	}
	if info, err = f.Stat(); err == nil {
		err = checkImage(info)
	}
	if err == nil {
		err = checkRaw(f)
	}
	if err != nil {
		f.Close()
		return nil, cause(err)
	}
	return f, nil
}

// checkImage returns an error when a file of this kind and size is no image.
func checkImage(info fs.FileInfo) error {
	if !info.Mode().IsRegular() {
		return fmt.Errorf("is %s, not a disk image", kind(info.Mode()))
	}
	if info.Size()%SectorSize != 0 {
		return fmt.Errorf("is not a disk image: %d bytes are not a whole number of sectors", info.Size())
	}
	return nil
}

// checkRaw returns an error when f is an image in qcow2 format, which keeps
// its size inside (QEMU, docs/interop/qcow2.txt).
func checkRaw(f *os.File) error {
	var magic [4]byte
	if _, err := f.ReadAt(magic[:], 0); err == nil && string(magic[:]) == "QFI\xfb" {
		return errors.New("is a qcow2 image, not a raw one")
	}
	return nil
}

package disk

import (
	"context"
	"fmt"
	"os"
	"runtime"

	"github.com/diskfs/go-diskfs/filesystem/ext4"
	"github.com/google/uuid"
)

const (
	// blocksPerGroup is how many blocks one block of bitmap describes (kernel
	// documentation, filesystems/ext4/blockgroup.rst).
	blocksPerGroup = 8 * BlockSize

	// inodeRatio is how many bytes of disk there are for each inode: the
	// inode_ratio of mke2fs.conf(5).
	inodeRatio = 16384

	// inodeSize is the size of an inode in bytes, both in go-diskfs and in
	// mke2fs.conf(5).
	inodeSize = 256

	// descriptorSize is the size of a group descriptor in bytes with the 64bit
	// feature (filesystems/ext4/group_descr.rst).
	descriptorSize = 64

	// spareBlocks is how many free blocks make a last, partial group worth
	// having: mke2fs drops it below that.
	spareBlocks = 50

	// maxBallast is the largest ballast in bytes, see ballast.
	maxBallast = 20 << 20
)

// makeExt4 writes an empty file system to f, which has the given size and has
// never been written to. report is told how far it has come.
func makeExt4(ctx context.Context, f *os.File, size int64, spec Spec, report func(int64)) error {
	storage := newSparse(ctx, f)
	storage.report = report
	weight := ballast(size)
	err := format(storage, usable(size), spec)
	runtime.KeepAlive(weight)
	if storage.err != nil {
		return cause(storage.err)
	}
	return err
}

// ballast returns memory that lies unused while go-diskfs works. It leaves 3 MB
// of garbage for each group, most of it error texts that nobody reads, and in a
// small program the collector would run for each group. It runs whenever the
// heap has doubled, so a heap with ballast gives it less to do: at 20 GiB that
// is a third of the time. The ballast itself is never touched and so takes no
// memory; the garbage does, so a small image, soon done, gets little of it.
func ballast(size int64) []byte { return make([]byte, min(size/1024, maxBallast)) }

func format(storage *sparse, size int64, spec Spec) error {
	params := &ext4.Params{
		SectorsPerBlock: BlockSize / SectorSize,
		InodeRatio:      inodeRatio,
		VolumeName:      spec.Label,
		Features: []ext4.FeatureOpt{
			ext4.WithFeatureMetadataChecksums(true),
			ext4.WithFeatureDirectoryIndices(true),
			ext4.WithFeatureLargeSubdirectoryCount(true), // dir_nlink
			ext4.WithFeatureLargeInodes(true),            // extra_isize
			// go-diskfs gets resize_inode right for blocks of 1 KiB only.
			// Without it the kernel resizes with meta_bg.
			ext4.WithFeatureReservedGDTBlocksForExpansion(false),
		},
		DefaultMountOpts: []ext4.MountOpt{ // those of mke2fs.conf(5)
			ext4.WithDefaultMountOptionUserspaceXattrs(true),
			ext4.WithDefaultMountOptionPOSIXACLs(true),
		},
	}
	if spec.UUID != uuid.Nil {
		params.UUID = &spec.UUID
	}
	fs, err := ext4.Create(storage, size, 0, SectorSize, params)
	if err != nil {
		return fmt.Errorf("make ext4: %w", err)
	}
	if spec.Label == "" { // go-diskfs has put its own
		if err := fs.SetLabel(""); err != nil {
			return fmt.Errorf("clear label: %w", err)
		}
	}
	if err := addLostFound(fs); err != nil {
		return err
	}
	return finish(storage)
}

// addLostFound makes the directory that e2fsck would add at the first boot.
func addLostFound(fs *ext4.FileSystem) error {
	const name = "lost+found"
	if err := fs.Mkdir(name); err != nil {
		return fmt.Errorf("make %s: %w", name, err)
	}
	if err := fs.Chmod(name, 0o700); err != nil {
		return fmt.Errorf("protect %s: %w", name, err)
	}
	return nil
}

// usable returns how many bytes of an image its file system takes: all but a
// last group too small for its own tables. mke2fs leaves such a group out too;
// go-diskfs would put the tables past the end.
func usable(size int64) int64 {
	blocks := size / BlockSize
	groups := (blocks + blocksPerGroup - 1) / blocksPerGroup
	last := blocks - (groups-1)*blocksPerGroup
	if groups > 1 && last < tableBlocks(groups)+spareBlocks {
		blocks -= last
	}
	return blocks * BlockSize
}

// tableBlocks returns the largest number of blocks that one group of so many
// can need: superblock, group descriptors, two bitmaps and the inodes.
func tableBlocks(groups int64) int64 {
	descriptors := (groups*descriptorSize + BlockSize - 1) / BlockSize
	inodes := int64(blocksPerGroup) * inodeSize / inodeRatio
	return 1 + descriptors + 2 + inodes
}

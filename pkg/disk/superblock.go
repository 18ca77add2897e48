package disk

import (
	"encoding/binary"
	"hash/crc32"
)

// Where things are in ext4, in bytes (kernel documentation,
// filesystems/ext4: super.rst, group_descr.rst, inodes.rst).
const (
	superblockAt = 1024
	maxMountsAt  = 0x36  // s_max_mnt_count
	backupTypeAt = 0xFD  // s_jnl_backup_type
	backupAt     = 0x10C // s_jnl_blocks: i_block, i_size_high, i_size_lo
	wantExtraAt  = 0x15E // s_want_extra_isize
	flagsAt      = 0x160 // s_flags
	checksumAt   = 0x3FC // s_checksum, the superblock's last four bytes

	descriptorsAt = BlockSize // group descriptors, after the superblock's block
	inodeTableAt  = 0x8       // bg_inode_table_lo

	journalInode = 8
	sizeLowAt    = 0x4
	blocksAt     = 0x28 // i_block: 60 bytes
	sizeHighAt   = 0x6C
)

// finish sets the fields of the superblock that go-diskfs leaves out or gets
// wrong and has no parameter for. Without it, e2fsck -p repairs the hash hint
// and the journal's backup at the first boot.
func finish(s *sparse) error {
	var table [4]byte
	if _, err := s.ReadAt(table[:], descriptorsAt+inodeTableAt); err != nil {
		return err
	}
	journal := make([]byte, inodeSize)
	at := int64(binary.LittleEndian.Uint32(table[:]))*BlockSize + (journalInode-1)*inodeSize
	if _, err := s.ReadAt(journal, at); err != nil {
		return err
	}
	sb := make([]byte, checksumAt+4)
	if _, err := s.ReadAt(sb, superblockAt); err != nil {
		return err
	}
	backup := sb[backupAt:]
	copy(backup, journal[blocksAt:][:60])
	copy(backup[60:], journal[sizeHighAt:][:4])
	copy(backup[64:], journal[sizeLowAt:][:4])
	sb[backupTypeAt] = 1 // a copy of i_block and i_size
	sb[flagsAt] |= 1     // directory hashes are of signed chars
	// go-diskfs has the kernel fill new inodes up, which leaves no room for
	// extended attributes inside. 32 is what struct ext4_inode needs.
	binary.LittleEndian.PutUint16(sb[wantExtraAt:], 32)
	binary.LittleEndian.PutUint16(sb[maxMountsAt:], 0xFFFF) // no check after so many mounts
	sum := crc32.Checksum(sb[:checksumAt], crc32.MakeTable(crc32.Castagnoli))
	binary.LittleEndian.PutUint32(sb[checksumAt:], ^sum) // ext4 does not invert at the end
	_, err := s.WriteAt(sb, superblockAt)
	return err
}

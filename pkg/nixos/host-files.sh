# shellcheck shell=sh
# Runs as long as the guest does: host-files.sh N. The VMM holds a file of the host
# open for each file of a share that the guest's kernel remembers, used or not
# (Virtualization.framework and virtiofsd do so), and macOS lets it have only so
# many. When they are more than N, the kernel is told to forget the unused ones.

# over N: whether there are more. /proc/slabinfo counts them; a kernel without it
# tells how many files of all kinds it remembers, which are never less.
over() {
  all=$(cut -f 1 /proc/sys/fs/inode-nr)
  [ "$all" -gt "$1" ] || return 1
  shares=$(sed -n 's/^fuse_inode *\([0-9]*\) .*/\1/p' /proc/slabinfo 2>/dev/null) || shares=
  [ "${shares:-$all}" -gt "$1" ]
}

pause=1 # second, in which a walk finds some ten thousand files
while sleep "$pause"; do
  pause=1
  if over "$1"; then
    echo 2 >/proc/sys/vm/drop_caches
    sleep 1 # until they are freed
    # What is used stays. To ask again at once would only cost what is cached.
    ! over "$1" || pause=60
  fi
done

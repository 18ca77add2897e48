# shellcheck shell=sh
# Runs as long as the guest does: host-files.sh N. The VMM holds a file of the host
# open for each file of a share that the guest's kernel remembers, used or not
# (Virtualization.framework and virtiofsd do so), and the host lets it have only so
# many. When there are more than N, the kernel is told to forget the unused ones.
# nixvf.host-files= on the kernel's command line is the host's own bound: half of what
# it can hold. The other half is for what a walk finds between two looks, tens of
# thousands of files a second. So this looks often, and runs no program to do it.
set +e # as NixOS's units have it

bound=$1
# shellcheck disable=SC2013 # words are wanted
for word in $(cat /proc/cmdline); do
  case $word in
    nixvf.host-files=*[!0-9]* | nixvf.host-files=) ;;
    nixvf.host-files=*) [ "${word#*=}" -ge "$bound" ] || bound=${word#*=} ;;
  esac
done

# The number of remembered files comes first in this. A kernel without it (SLUB_DEBUG)
# tells only how many there are of all kinds, which are never fewer.
counted=/sys/kernel/slab/fuse_inode/objects
[ -r "$counted" ] || counted=/proc/sys/fs/inode-nr

# pause MS: nobody writes to the pipe, so read waits out its time.
pause() {
  wait=$((1000 + $1))
  # shellcheck disable=SC3045 # bash and busybox have read -t
  read -r -t "0.${wait#1}" _ <&3
}
pipe=/run/nixvf-host-files.$$
mkfifo -m 600 "$pipe" && exec 3<>"$pipe" || exit
rm "$pipe"

# To forget takes the guest's time, too, the more the more it remembers. So it goes on
# until a quarter is gone: to be just below the bound would mean to forget a few, and
# to look at all the others for that, again and again.
low=$((bound - bound / 4))
enough=$bound
tries=0
while :; do
  read -r files _ <"$counted"
  [ "$tries" -gt 0 ] || first=$files least=$files
  [ "$files" -ge "$least" ] || least=$files
  if [ "$files" -le "$low" ]; then
    enough=$bound
    tries=0
  elif [ "$tries" -gt 0 ] || [ "$files" -gt "$enough" ]; then
    # A file of which something has been read is remembered for as long as that is
    # (Linux 5.16 and newer): where nothing else helps, what was read is forgotten too.
    what=2
    [ $((tries % 3)) -lt 2 ] || what=3
    [ "$what" -lt 3 ] && [ "$files" -le "$enough" ] || echo "$what" >/proc/sys/vm/drop_caches
    tries=$((tries + 1))
  fi
  # What is forgotten goes a little later, what is in use stays. To go on asking for
  # that would only cost what else is cached: it waits for some more.
  if [ "$tries" -eq 30 ]; then
    [ "$least" -lt $((first - bound / 8)) ] || enough=$((files + bound / 4))
    tries=0
  fi
  # As long as a walk of 200,000 files a second takes to what the host can hold.
  ms=$(((2 * bound - files) / 200))
  [ "$ms" -ge 5 ] || ms=5
  [ "$ms" -le 50 ] || ms=50
  pause "$ms"
done

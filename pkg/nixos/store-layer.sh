# shellcheck shell=sh disable=SC2154 # ROOT is given
# Prepares the writable layer over the host's store, the upper one of the overlay
# on /nix/store, before anything looks at that. Runs in stage 1, in a shell of its
# own, with ROOT, where the file systems are mounted. Wants coreutils, find, mount
# and setfattr, or busybox and setfattr.
#
# A garbage collection in the guest leaves whiteouts (character devices 0,0) over
# host paths in a layer on disk. They would hide what a later boot needs, so they
# go.
#
# A Mac stores names that differ in case only as NAME~nix~case~hack~N. A list of
# these lies beside the registration (package casehack): lines of STORED//REAL,
# paths in the store, parents first. The layer gets a copy under each real name,
# and a whiteout over each stored one. Under the real name the share would find
# the sibling, and an overlay that meets one directory under two names loses it:
# a copied directory is opaque, so that the share is not asked.
set +e # as NixOS's units have it
export LC_ALL=C

share=$ROOT/nix/.ro-store
layer=$ROOT/nix/.rw-store
upper=$layer/upper
# A file for each store path that is repaired, with its part of the list: the
# database of a layer on disk knows the paths of earlier systems too.
repaired=$layer/case-hack
# Where things are before they are whole, and when they go.
new=$layer/case-hack.new
old=$layer/case-hack.old

# drop PATH: takes a store path out of the layer, at once.
drop() {
  [ ! -e "$upper/$1" ] || mv "$upper/$1" "$old"
  rm -rf "$old"
}

# forget takes out what earlier boots have repaired, which has whiteouts in it.
# A store path that the guest has built itself has none, and stays.
forget() {
  for file in "$repaired"/*; do
    path=${file##*/}
    [ -z "$(find "$upper/$path" -type c 2>/dev/null)" ] || drop "$path"
    if [ ! -d "$share/$path" ] || [ -e "$upper/$path" ]; then
      rm -f "$file"
    fi
  done
}

# remember LIST: splits it into files of $repaired. What the host has goes before
# what the guest has built.
remember() {
  mkdir -p "$new" "$repaired"
  while IFS= read -r line; do
    printf '%s\n' "$line" >>"$new/${line%%/*}"
  done <"$1"
  for file in "$new"/*; do
    drop "${file##*/}"
    mv "$file" "$repaired"
  done
}

# mend STORED REAL, in $new. What lies in a copy already is there by its parents'
# real names.
mend() {
  if [ "${1%/*}" != "${2%/*}" ]; then
    mv "$new/${2%/*}/${1##*/}" "$new/$2"
    return
  fi
  mkdir -p "$new/${1%/*}" && mknod "$new/$1" c 0 0 && cp -dRp "$share/$1" "$new/$2" || return
  if [ -d "$new/$2" ] && [ ! -L "$new/$2" ]; then
    setfattr -n trusted.overlay.opaque -v y "$new/$2"
  fi
}

# repair PATH: makes what is to lie over a store path of the host, with modes and
# times as in a store, and puts it there when it is whole.
repair() {
  rm -rf "$new"
  while IFS= read -r line; do
    mend "${line%%//*}" "${line#*//}" || return
  done <"$repaired/$1"
  find "$new/$1" -type d -exec chmod 555 {} + -exec touch -d @1 {} + && mv "$new/$1" "$upper"
}

# prepare LIST, which may be missing.
prepare() {
  rm -rf "$new" "$old"
  forget
  [ ! -d "$upper" ] || find "$upper" -type c -exec rm -f {} +
  [ ! -r "$1" ] || remember "$1"
  mkdir -p "$upper"
  for file in "$repaired"/*; do
    [ ! -e "$file" ] || repair "${file##*/}" ||
      echo "nixvf: /nix/store/${file##*/}: cannot repair names that differ in case only" >&2
  done
  rm -rf "$new"
}

list=
where=host
while read -r _ at type _; do # an image has the real names
  [ "$type $at" != "erofs $share" ] || where=image
done </proc/mounts
# shellcheck disable=SC2013 # words are wanted
for word in $(cat /proc/cmdline); do
  case $word in
    regInfo=/nix/store/*/*)
      [ $where = host ] || continue
      list=$share/${word#regInfo=/nix/store/}
      list=${list%/*}/case-hack
      ;;
  esac
done
# Scripted stage 1 has no place between the root and the overlay on it: the
# overlay goes and comes again.
overlay=
while read -r _ where type options _; do
  [ "$type $where" != "overlay $ROOT/nix/store" ] || overlay=$options
done </proc/mounts
if [ -r "$list" ] || [ -n "$(ls -A "$upper" 2>/dev/null)" ]; then
  if [ -z "$overlay" ]; then
    prepare "$list"
  elif umount "$ROOT/nix/store"; then
    prepare "$list"
    mount -t overlay -o "$overlay" overlay "$ROOT/nix/store"
  fi
fi

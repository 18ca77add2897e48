# shellcheck shell=sh disable=SC2154 # ROOT is given
# Runs in stage 1 with ROOT, where the root file system is mounted and the
# overlay on /nix/store is not yet: a garbage collection in the guest leaves
# whiteouts (character devices 0,0) over host paths in a writable layer on disk.
# They would hide what a later boot needs, so they go.
upper=$ROOT/nix/.rw-store/upper
[ ! -d "$upper" ] || find "$upper" -type c -exec rm -f {} +

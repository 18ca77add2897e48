# shellcheck shell=sh disable=SC2154 # ROOT is given
# Mounts the image of the store where the share of the host's would be, with ROOT, where the file systems are mounted:
# `nixvf-args --store image` gives the VM a disk with it, and says so on the kernel's command line. Wants coreutils and
# mount, or busybox.
disk=/dev/disk/by-label/nix-store
tries=0
until [ -e "$disk" ] || [ "$tries" = 300 ]; do
  tries=$((tries + 1))
  sleep 0.1
done
mkdir -p "$ROOT/nix/.ro-store"
mount -t erofs -o ro "$disk" "$ROOT/nix/.ro-store"

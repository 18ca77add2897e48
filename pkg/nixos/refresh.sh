# shellcheck shell=sh
# nixvf-refresh: shows the guest what the host has built since the VM started. A
# name that was looked up before it existed stays missing as long as the kernel
# remembers that, and so does what was not in a directory when it was listed.
# What the host has left in the exchange directory, with nixvf-boot hand-over,
# goes into the Nix database.
set -eu
registration=/tmp/xchg/registration
if [ "$(id -u)" != 0 ]; then
  echo 'nixvf-refresh: only root can do this: sudo nixvf-refresh' >&2
  exit 1
fi
echo 3 >/proc/sys/vm/drop_caches
if [ -e "$registration" ]; then
  NIX_REMOTE=local nix-store --load-db <"$registration"
  rm "$registration"
fi

# shellcheck shell=sh
# Runs in the guest, early in each boot: makes the Nix database agree with the
# store. regInfo= on the kernel command line names the registration of what the
# host has built for this VM. Wants nix-store and coreutils, or busybox.
#
#   nix-database.sh fresh   the store's writable layer is new at each boot: what
#                           the database knows beyond the registration is gone
#   nix-database.sh kept    the layer is on disk: what was built in the guest is
#                           still there, but the host may have removed paths
set -u
registration=
# shellcheck disable=SC2013 # words are wanted
for word in $(cat /proc/cmdline); do
  case $word in
    regInfo=*) registration=${word#regInfo=} ;;
  esac
done
if [ ! -r "$registration" ]; then
  echo "nixvf: no registration to read at regInfo=$registration: the Nix database stays as it is" >&2
  exit 0
fi
[ "$1" = kept ] || rm -rf /nix/var/nix/db/*
nix-store --load-db <"$registration" || exit
[ "$1" = fresh ] || nix-store --verify

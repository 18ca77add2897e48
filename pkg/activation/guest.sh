# shellcheck shell=sh
# The guest's part of `nixvf-boot switch`, which has it run there, as root:
#
#   guest.sh watch ACTION SYSTEM [REGISTRATION]   has systemd do the rest, and prints what comes of it
#   guest.sh run ACTION SYSTEM [REGISTRATION]     shows the guest a system that the host has built, and has that
#                                                 system's switch-to-configuration do ACTION
#
# A switch goes to its end, whatever becomes of the connection from the host: it is a unit of its own, whose output is
# a file. Wants coreutils, find, grep, mount, sed, unshare and systemd.
set -uf
export LC_ALL=C

work=/run/nixvf-switch
unit=nixvf-switch.service
share=/nix/.ro-store
copies=$work/copies
[ ! -d /nix/.rw-store ] || copies=/nix/.rw-store/nixvf-switch

isThere() { [ -e "$1" ] || [ -L "$1" ]; }

# ended: no switch is running. systemd does not answer while it re-executes itself.
ended() {
  case $(systemctl is-active "$unit" 2>/dev/null) in
    inactive | failed | unknown) ;;
    *) return 1 ;;
  esac
}

watch() {
  ended || echo 'an earlier switch is still running in the guest: waiting for it' >&2
  until ended; do sleep 0.2; done
  rm -f "$work"/status
  : >"$work"/output
  systemd-run --quiet --collect --no-ask-password --unit="$unit" --service-type=exec --description='Switch to another system' \
    --setenv="PATH=$PATH" "--property=StandardOutput=append:$work/output" "--property=StandardError=append:$work/output" \
    /bin/sh "$0" run "$@" </dev/null || exit
  exec 3<"$work"/output
  looks=0
  while [ ! -e "$work"/status ]; do
    cat <&3 >&2
    looks=$((looks + 1))
    if [ $((looks % 10)) = 0 ] && ended; then break; fi
    sleep 0.1
  done
  cat <&3 >&2
  rm -f "$0"
  read -r status <"$work"/status 2>/dev/null && exit "$status"
  echo 'the switch was killed in the guest' >&2
  exit 1
}

# bring NAME: copies a path of the host's store into the guest's own layer. A garbage collection in the guest hides the
# host's paths that its database does not know, and nothing shows a hidden path again.
bring() {
  if ! isThere "$share/$1"; then
    echo "/nix/store/$1: the guest cannot see it" >&2
    return 1
  fi
  # shellcheck disable=SC2016 # the inner shell is meant, whose store can be written to
  unshare --mount sh -euc '
    mount -o remount,bind,rw /nix/store
    rm -rf /nix/store/.nixvf-switch
    cp -dRp "$1" /nix/store/.nixvf-switch
    mv -T /nix/store/.nixvf-switch "$2"' sh "$share/$1" "/nix/store/$1"
}

# show REGISTRATION: makes sure that the guest sees every path in it.
show() {
  [ -n "$1" ] || return 0
  # shellcheck disable=SC2013 # words are wanted; derivations need not be there
  for path in $(grep '^/nix/store/' "$1" | grep -v '\.drv$' | sort -u); do
    isThere "$path" || bring "${path##*/}" || return
  done
}

# register REGISTRATION: adds its paths to the guest's Nix database.
register() {
  [ -n "$1" ] && command -v nix-store >/dev/null || return 0
  NIX_REMOTE=local nix-store --load-db <"$1"
}

# mend LIST NAME: a Mac stores names that differ only in case as NAME~nix~case~hack~N. This mounts a copy of the store
# path, with the real names, over it. Package casehack makes LIST, in which parents come first.
mend() {
  new=$copies/.new
  rm -rf "$new"
  mkdir -p "$copies" && cp -dRp "$share/$2" "$new" || return
  while IFS= read -r line; do
    case $line in "$2"/*) ;; *) continue ;; esac
    stored=${line%%//*} real=${line#*//}
    real=/${real#*/}
    mv -T "$new${real%/*}/${stored##*/}" "$new$real" || return
  done <"$1"
  find "$new" -type d -exec chmod 555 {} + -exec touch -d @1 {} + &&
    rm -rf "${copies:?}/$2" && mv "$new" "$copies/$2" &&
    mount --bind "$copies/$2" "/nix/store/$2" && mount -o remount,bind,ro "/nix/store/$2"
}

# repair LIST, which may be missing: mends the paths that neither stage 1 nor an earlier switch has mended.
# shellcheck disable=SC2094 # the list is only read
repair() {
  [ -r "$1" ] || return 0
  # They stay mounted at shutdown, as the store does.
  mkdir -p /run/systemd/system/nix-store-.mount.d
  printf '[Unit]\nDefaultDependencies=no\n' >/run/systemd/system/nix-store-.mount.d/nixvf-switch.conf
  previous=
  while IFS= read -r line; do
    name=${line%%/*} stored=${line%%//*}
    [ "$name" != "$previous" ] || continue
    previous=$name
    ! isThere "/nix/store/$stored" || mend "$1" "$name" ||
      echo "/nix/store/$name: cannot repair names that differ in case only" >&2
  done <"$1"
}

# activate ACTION SYSTEM [REGISTRATION]
activate() {
  PATH=$PATH:/run/current-system/sw/bin # whatever root's shell has made of it
  registration=${3-}
  # The kernel remembers names that were looked up before they existed. 2 makes it forget names, but not what files hold.
  echo 2 >/proc/sys/vm/drop_caches
  if [ -n "$registration" ] && ! [ -r "$registration" ]; then
    registration=$share/${registration#/nix/store/}
  fi
  show "$registration" || return
  if [ "$1" != dry-activate ]; then
    register "$registration" && repair "${registration%/*}/case-hack" || return
  fi
  "$2/bin/switch-to-configuration" "$1"
}

run() {
  activate "$@"
  status=$?
  [ "$status" = 0 ] || echo "the guest runs on, as $(readlink /run/current-system)" >&2
  rm -f "$0"
  echo "$status" >"$work"/status.new
  mv "$work"/status.new "$work"/status
}

case $1 in
  watch) shift && watch "$@" ;;
  run) shift && run "$@" ;;
esac

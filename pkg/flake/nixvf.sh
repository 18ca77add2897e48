# nixvf FLAKE#NAME: the whole pipeline as one command. packages.nix makes the program of it, with bash -euo pipefail
# and the tools on PATH.
# shellcheck shell=bash
usage='usage: nixvf FLAKE[#NAME] [OPTION OF nixvf-args]... [-- OPTION OF nix...]
       nixvf switch FLAKE[#NAME] [OPTION OF nixvf-boot switch]... [-- OPTION OF nix...]
       nixvf list | attach | ssh | ssh-config | stop | wait | log | remove | hand-over | check, as with nixvf-boot'
switch=
if [ "${1:-}" = switch ]; then
  switch=1
  shift
fi
case ${1:-} in
  list | attach | ssh | ssh-config | stop | wait | log | remove | hand-over | check) exec nixvf-boot "$@" ;;
  -h | --help)
    echo "$usage"
    exit
    ;;
  "" | -*)
    echo "$usage" >&2
    exit 2
    ;;
esac
flake=$1
shift
args=()
eval=()
while [ $# -gt 0 ] && [ "$1" != -- ]; do
  case $1/$# in
    --id=*) export NIXVF_ID=${1#*=} ;; # for all three
    --id/1) args+=("$1") ;; # nixvf-args says what is missing
    --id/*) export NIXVF_ID=$2 && shift ;;
    --ephemeral/*) args+=("$1") && eval+=(--no-link) ;; # which leaves nothing behind
    *) args+=("$1") ;;
  esac
  shift
done
# nixvf-eval | nixvf-args | nixvf-boot, with the last one in this shell's place: signals reach it, the
# others end when it does not read any more, and the status is its own. It starts nothing when an
# earlier one has failed.
case $switch" ${args[*]} " in
  1*' --reboot '*) exec nixvf-boot switch "${args[@]}" < <(nixvf-eval "$flake" "$@" | nixvf-args) ;;
  1*) exec nixvf-boot switch "${args[@]}" < <(nixvf-eval "$flake" "$@") ;;
esac
exec nixvf-boot < <(nixvf-eval "${eval[@]}" "$flake" "$@" | nixvf-args "${args[@]}")

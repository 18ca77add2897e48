# shellcheck shell=sh
# At login on the VM's console: the terminal in front of it is an xterm or
# alike, and knows how large it is. A terminal that does not answer within half a
# second keeps the size that it has.
if [ -t 0 ] && [ "$(tty)" = /dev/hvc0 ]; then
  export TERM=xterm-256color
  nixvf_saved=$(stty -g)
  stty raw -echo min 0 time 5
  printf '\0337\033[r\033[999;999H\033[6n\0338' >/dev/hvc0
  nixvf_size=$(dd bs=32 count=1 2>/dev/null)
  stty "$nixvf_saved"
  nixvf_size=${nixvf_size##*\[}
  nixvf_size=${nixvf_size%%R*}
  case $nixvf_size in
    *[!0-9\;]* | *\;*\;*) ;;
    [1-9]*\;[1-9]*) stty rows "${nixvf_size%;*}" cols "${nixvf_size#*;}" ;;
  esac
  unset nixvf_saved nixvf_size
fi

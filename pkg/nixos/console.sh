# shellcheck shell=sh
# At login on the VM's console: the terminal in front of it is an xterm or
# alike, and knows how large it is. nixvf-boot is told that somebody is there to
# read a terminal's answers; `resize` asks for the size again.
if [ -t 0 ] && [ "$(tty)" = /dev/hvc0 ]; then
  # nixvf_ask QUESTION prints the numbers that the terminal answers with, if it does within half a second.
  nixvf_ask() {
    printf %s "$1" >/dev/hvc0
    nixvf_answer=
    while nixvf_piece=$(dd bs=32 count=1 2>/dev/null) && [ -n "$nixvf_piece" ]; do
      nixvf_answer=$nixvf_answer$nixvf_piece
      case $nixvf_answer in
        *\[*\;*[tR])
          nixvf_answer=${nixvf_answer##*\[}
          echo "${nixvf_answer%?}"
          return
          ;;
      esac
    done
  }

  # Without nixvf-boot's answer or the terminal's own, the cursor says where the last line and column are.
  nixvf_resize() {
    nixvf_saved=$(stty -g)
    nixvf_esc=$(printf '\033')
    stty raw -echo min 0 time 5
    nixvf_size=$(nixvf_ask "${nixvf_esc}[18t")
    nixvf_size=${nixvf_size#8;}
    [ -n "$nixvf_size" ] ||
      nixvf_size=$(nixvf_ask "${nixvf_esc}7${nixvf_esc}[r${nixvf_esc}[999;999H${nixvf_esc}[6n${nixvf_esc}8")
    stty "$nixvf_saved"
    case $nixvf_size in
      *[!0-9\;]* | *\;*\;*) ;;
      [1-9]*\;[1-9]*) stty rows "${nixvf_size%;*}" cols "${nixvf_size#*;}" ;;
    esac
    unset nixvf_saved nixvf_esc nixvf_size
  }

  export TERM=xterm-256color
  printf '\033]3008;start=nixvf;type=session\007' >/dev/hvc0
  nixvf_resize
  command -v resize >/dev/null || resize() { nixvf_resize; }
fi

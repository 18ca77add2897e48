# shellcheck shell=sh
# nixvf-console [login]: for the VM's console, hvc0. The terminal in front of it is
# an xterm or similar, and knows how large it is: it is asked, and the console gets
# that size. At login nixvf-boot is told first that somebody is there to read a
# terminal's answers. Fails elsewhere: what a login shell reads is one line, which
# every shell understands, and sets TERM where this succeeds.
[ "$(tty)" = /dev/hvc0 ] || exit

# ask QUESTION prints the numbers that the terminal answers with, if it does within half a second.
ask() {
  printf %s "$1" >/dev/hvc0
  answer=
  while piece=$(dd bs=32 count=1 2>/dev/null) && [ -n "$piece" ]; do
    answer=$answer$piece
    case $answer in
      *\[*\;*[tR])
        answer=${answer##*\[}
        echo "${answer%?}"
        return
        ;;
    esac
  done
}

[ "${1-}" != login ] || printf '\033]3008;start=nixvf;type=session\007' >/dev/hvc0

# Without nixvf-boot's answer or the terminal's own, the cursor says where the last line and column are.
saved=$(stty -g)
esc=$(printf '\033')
stty raw -echo min 0 time 5
size=$(ask "${esc}[18t")
size=${size#8;}
[ -n "$size" ] || size=$(ask "${esc}7${esc}[r${esc}[999;999H${esc}[6n${esc}8")
stty "$saved"
case $size in
  *[!0-9\;]* | *\;*\;*) ;;
  [1-9]*\;[1-9]*) stty rows "${size%;*}" cols "${size#*;}" ;;
esac
exit 0

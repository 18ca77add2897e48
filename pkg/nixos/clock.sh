# shellcheck shell=bash
# Tells the time to a guest whose host has slept: vfkit does (its --timesync), in the words of QEMU's guest agent, with
# which it connects once and then says each time when it wakes up:
#     {"execute": "guest-set-time", "arguments":{"time": NANOSECONDS}}
# It comes from the host, vsock's number 2, and nobody in the guest: $CONNECTION is systemd's NR-CID:PORT-CID:PORT.
case $CONNECTION in
  *-2:*) ;;
  *) exit ;;
esac
while read -r line; do
  time=${line##*'"time":'}
  time=${time# }
  time=${time%%[!0-9]*}
  seconds=${time%?????????} # in shells whose numbers have 32 bits, too
  if [[ $line = *'"guest-set-time"'* && $time = ??????????* ]] && date -s "@$seconds.${time#"$seconds"}" >&2; then
    echo '{"return": {}}'
  else
    echo '{"error": {"class": "GenericError", "desc": "only guest-set-time is known here"}}'
  fi
done

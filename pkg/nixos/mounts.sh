# shellcheck shell=sh
# Mounts the shares that nixvf.mount=TAG:TARGET on the kernel's command line names,
# read-only where :ro comes after TARGET. nixvf-args --share TAG=PATH:TARGET puts
# them there. A share that cannot be mounted keeps no other one from it.

read -r line </proc/cmdline || [ -n "$line" ]
set -f
status=0
for word in $line; do
  case $word in nixvf.mount=*:/*) ;; *) continue ;; esac
  spec=${word#nixvf.mount=}
  tag=${spec%%:*} target=${spec#*:} options=rw
  case $target in *:ro) options=ro target=${target%:ro} ;; esac
  if mountpoint -q "$target"; then
    echo "share $tag: $target is a mount point already" >&2
    status=1
    continue
  fi
  mkdir -p "$target" && mount -t virtiofs -o "$options" "$tag" "$target" || status=1
done
exit $status

# shellcheck shell=sh
# Hands the host's credentials to systemd, which takes them from there when it becomes
# the first process of the real root (systemd 254 and newer). Runs in stage 1. The
# share holds what nixvf-boot has copied for this boot, and nixvf.credentials on the
# kernel's command line says that there is one.
set +e # as NixOS's units have it

share=/run/nixvf-credentials
into=/run/credentials/@initrd
case " $(cat /proc/cmdline) " in
  *' nixvf.credentials '*)
    [ -d /run/credentials ] || mkdir -m 0755 /run/credentials
    mkdir -m 0700 "$share" "$into"
    if mount -t virtiofs -o ro,nosuid,nodev,noexec io.systemd.credentials "$share"; then
      (umask 077 && cp "$share"/* "$into")
      chmod 0400 "$into"/*
      umount "$share"
    else
      echo 'nixvf: the credentials cannot be read'
    fi
    rmdir "$share"
    ;;
esac

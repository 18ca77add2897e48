package qemu

import (
	"fmt"
	"strings"
)

// Daemon is an installed virtiofsd.
type Daemon struct {
	Path     string
	Rust     bool // the Rust implementation; else the C one that QEMU had until 8.0
	ReadOnly bool // it knows --readonly
}

// Daemons are the places where distributions install virtiofsd outside PATH.
var Daemons = []string{"/usr/libexec/virtiofsd", "/usr/lib/virtiofsd", "/usr/lib/qemu/virtiofsd"}

// NewDaemon tells the implementations apart by what --help prints.
func NewDaemon(path, help string) (Daemon, error) {
	d := Daemon{
		Path:     path,
		Rust:     strings.Contains(help, "--shared-dir"),
		ReadOnly: strings.Contains(help, "--readonly"),
	}
	switch {
	case d.Rust || strings.Contains(help, "-o source="):
		return d, nil
	case strings.Contains(help, "setgroups"):
		return d, fmt.Errorf("%s: this old virtiofsd runs as root only", path)
	}
	return d, fmt.Errorf("%s: not a virtiofsd that is known here", path)
}

// readOnlyMount runs "$@" behind its first argument, a directory, which it
// sees read-only: in a mount namespace of its own, the directory is mounted
// over itself. The parent-death signal does not survive a new user namespace,
// so it is set again.
const readOnlyMount = `mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && shift && exec setpriv --pdeathsig KILL "$@"`

// Command returns the command that serves dir on the listening socket that it
// inherits as descriptor 3. A socket made by virtiofsd itself would leave a
// lock file in /run behind. root says whether the command runs as root, as the
// C implementation always does.
//
// A read-only share is one that guest root cannot write to whatever it mounts:
// through virtiofsd's own option, or a read-only bind mount.
func (d Daemon) Command(dir string, readOnly, root bool) []string {
	cmd := d.serve(dir, readOnly, root)
	if !readOnly || d.ReadOnly {
		return cmd
	}
	unshare := []string{"unshare", "--mount"}
	if !root {
		unshare = append(unshare, "--map-root-user")
	}
	return append(append(unshare, "sh", "-c", readOnlyMount, "sh", dir), cmd...)
}

// serve returns virtiofsd's own command line. The store never changes under a
// guest but for new paths, so it may be cached for good; other shares are
// looked at again.
func (d Daemon) serve(dir string, readOnly, root bool) []string {
	cache := "auto"
	if readOnly {
		cache = "always"
	}
	if !d.Rust {
		return []string{d.Path, "--fd=3", "-o", "source=" + dir, "-o", "sandbox=chroot", "-o", "cache=" + cache, "-o", "log_level=warn"}
	}
	sandbox := "chroot"
	if !root {
		sandbox = "none"
	}
	cmd := []string{d.Path, "--fd=3", "--shared-dir=" + dir, "--sandbox=" + sandbox, "--cache=" + cache, "--log-level=warn"}
	if readOnly && d.ReadOnly {
		cmd = append(cmd, "--readonly")
	}
	return cmd
}

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
	Handles  bool // it can keep handles of files, in the place of descriptors
}

// Daemons are the places where distributions install virtiofsd outside PATH.
var Daemons = []string{"/usr/libexec/virtiofsd", "/usr/lib/virtiofsd", "/usr/lib/qemu/virtiofsd"}

// NewDaemon tells the implementations apart by what --help prints. The C
// implementation sets up a namespace, for which it must be root; before it
// prints its help it gives up groups, if there are any.
func NewDaemon(path, help string, uid int) (Daemon, error) {
	d := Daemon{
		Path:     path,
		Rust:     strings.Contains(help, "--shared-dir"),
		ReadOnly: strings.Contains(help, "--readonly"),
		Handles:  strings.Contains(help, "--inode-file-handles"),
	}
	switch {
	case strings.Contains(help, "setgroups"), !d.Rust && strings.Contains(help, "-o source=") && uid != 0:
		return d, fmt.Errorf("%s: this old virtiofsd runs only as root", path)
	case d.Rust || strings.Contains(help, "-o source="):
		return d, nil
	}
	return d, fmt.Errorf("%s: not a known kind of virtiofsd", path)
}

// readOnlyMount runs "$@" behind its first argument, a directory, which it
// sees read-only: in a mount namespace of its own, the directory is mounted
// over itself. The parent-death signal does not survive a new user namespace,
// so it is set again.
const readOnlyMount = `mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && shift && exec setpriv --pdeathsig KILL "$@"`

// Served says how a directory is served.
type Served struct {
	Dir      string
	ReadOnly bool // guest root cannot write to it, whatever it mounts
	Store    bool // what is in it never changes: it may be cached for good
	Root     bool // the daemon runs as root, as the C implementation always does
}

// Command returns the command that serves a directory on the listening socket
// that it inherits as descriptor 3. A socket made by virtiofsd itself would
// leave a lock file in /run behind. Read-only is virtiofsd's own option where
// it has one, else a read-only bind mount.
func (d Daemon) Command(s Served) []string {
	cmd := d.serve(s)
	if !s.ReadOnly || d.ReadOnly {
		return cmd
	}
	unshare := []string{"unshare", "--mount"}
	if !s.Root {
		unshare = append(unshare, "--map-root-user")
	}
	return append(append(unshare, "sh", "-c", readOnlyMount, "sh", s.Dir), cmd...)
}

// optionEscape writes a value so that the C implementation reads it as it is:
// libfuse takes a backslash before a character, or before three octal digits,
// away from the options of -o, and ends a value at a comma (fuse_opt.c).
var optionEscape = strings.NewReplacer(`\`, `\\`, ",", `\,`)

// serve returns virtiofsd's own command line.
func (d Daemon) serve(s Served) []string {
	cache := "auto"
	if s.Store {
		cache = "always"
	}
	if !d.Rust {
		return []string{d.Path, "--fd=3", "-o", "source=" + optionEscape.Replace(s.Dir), "-o", "sandbox=chroot", "-o", "cache=" + cache, "-o", "log_level=warn"}
	}
	sandbox := "chroot"
	if !s.Root {
		sandbox = "none"
	}
	cmd := []string{d.Path, "--fd=3", "--shared-dir=" + s.Dir, "--sandbox=" + sandbox, "--cache=" + cache, "--log-level=warn"}
	if s.ReadOnly && d.ReadOnly {
		cmd = append(cmd, "--readonly")
	}
	// Only root may open files by their handles (open_by_handle_at(2)), and
	// virtiofsd gives that right away unless it is told not to.
	if s.Root && d.Handles {
		cmd = append(cmd, "--inode-file-handles=prefer", "--modcaps=+dac_read_search")
	}
	return cmd
}

// Package place owns where nixvf keeps things: a VM's id, its state directory
// and the files in it, the cache, and the path of the root disk. Every stage asks
// this package, so the stages agree.
//
// It computes paths and creates nothing. It looks only at what exists where the
// root disk belongs. It knows the boot document's settings, but not what later
// stages make of them.
package place

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/nixvf/nixvf/pkg/bootdoc"
)

// Host is what the paths depend on: the environment and the working directory.
type Host struct {
	Lookup func(string) (string, bool) // a variable of the environment
	Dir    string                      // working directory, absolute
	// Files are the host's files, rooted at "/", as in os.DirFS("/"). They are
	// only read, and only by [Host.Disk]; without them nothing is looked at.
	Files fs.FS
}

// Env returns the variable name of the environment, "" when it is not set.
func (h Host) Env(name string) string {
	value, _ := h.Lookup(name)
	return value
}

// State returns the directory of all VMs' state, by the XDG base directory
// specification: $XDG_STATE_HOME/nixvf, ~/.local/state/nixvf without it.
func (h Host) State() (string, error) { return h.xdg("XDG_STATE_HOME", ".local/state") }

// DiskLocks returns the directory of the locks on disk images, which belong to
// no VM. No id begins with a dot.
func (h Host) DiskLocks() (string, error) {
	state, err := h.State()
	return filepath.Join(state, ".disks"), err
}

// Cache returns nixvf's cache directory: $XDG_CACHE_HOME/nixvf, or
// ~/.cache/nixvf without it.
func (h Host) Cache() (string, error) { return h.xdg("XDG_CACHE_HOME", ".cache") }

// StoreImages returns the directory of the images of store paths, which VMs share.
func (h Host) StoreImages() (string, error) {
	cache, err := h.Cache()
	return filepath.Join(cache, "stores"), err
}

// StoreImage returns the path of the image of everything that these store paths
// need. A store path never changes, so that they name its content.
func (h Host) StoreImage(roots []string) (string, error) {
	dir, err := h.StoreImages()
	sorted := slices.Compact(slices.Sorted(slices.Values(roots)))
	sum := sha256.Sum256([]byte("store image 1\x00" + strings.Join(sorted, "\x00")))
	return filepath.Join(dir, hex.EncodeToString(sum[:16])+".img"), err
}

// xdg returns nixvf's part of an XDG directory. The specification has relative
// values ignored.
func (h Host) xdg(variable, fallback string) (string, error) {
	if base := h.Env(variable); filepath.IsAbs(base) {
		return filepath.Join(base, "nixvf"), nil
	}
	home := h.Env("HOME")
	if !filepath.IsAbs(home) {
		return "", fmt.Errorf("neither %s nor HOME is set to an absolute path", variable)
	}
	return filepath.Join(home, fallback, "nixvf"), nil
}

// ID returns the id of a VM: its configuration's name and 8 hex digits of a
// hash of where the configuration comes from (a flake's reference without its
// revision, or a working directory) and the name, which is NixOS's default host
// name when empty.
func ID(origin, name string) string {
	if name == "" {
		name = bootdoc.DefaultName
	}
	sum := sha256.Sum256([]byte(origin + "\x00" + name))
	file := bootdoc.FileName(name)
	if file[0] == '-' || len(file) > bootdoc.MaxName {
		file = "vm" + file[:min(len(file), bootdoc.MaxName-2)]
	}
	return file + "-" + hex.EncodeToString(sum[:4])
}

// VM is one virtual machine's place: its id and its directories.
type VM struct {
	ID  string
	Dir string // state directory, mode 0700
}

// VM returns the place of the VM that a document describes. override (the --id
// flag) and then NIXVF_ID go before the document's id; a document without one
// gets an id from the working directory and its name.
func (h Host) VM(override, id, name string) (VM, error) {
	for _, candidate := range []string{override, h.Env("NIXVF_ID"), id, ID(h.Dir, name)} {
		if candidate == "" {
			continue
		}
		if err := bootdoc.CheckID(candidate); err != nil {
			return VM{}, err
		}
		state, err := h.State()
		if err != nil {
			return VM{}, err
		}
		return VM{ID: candidate, Dir: filepath.Join(state, candidate)}, nil
	}
	return VM{}, errors.New("id: empty")
}

// Another returns the place of one more VM of the same configuration, whose id
// has a suffix.
func (v VM) Another(suffix string) VM {
	id := v.ID[:min(len(v.ID), bootdoc.MaxName)] + "-" + suffix
	return VM{ID: id, Dir: filepath.Join(filepath.Dir(v.Dir), id)}
}

// Run returns the directory of what lives as long as the VM runs. It is empty
// or gone between two runs.
func (v VM) Run() string { return filepath.Join(v.Dir, "run") }

// Booted returns the file that holds the boot document of the system with which the
// VM that runs was started.
func (v VM) Booted() string { return filepath.Join(v.Run(), "boot.json") }

// Lock returns the file that is locked while the VM runs.
func (v VM) Lock() string { return filepath.Join(v.Dir, "lock") }

// Log returns the log file of one of the VM's processes.
func (v VM) Log(process string) string { return filepath.Join(v.Dir, process+".log") }

// StoreImage returns the link to the image of store paths that the VM has been
// started with last.
func (v VM) StoreImage() string { return filepath.Join(v.Dir, "store-image") }

// Root returns the garbage collector root called name.
func (v VM) Root(name string) string { return filepath.Join(v.Dir, "roots", name) }

// maxSocket is the longest path of a Unix socket that every system takes:
// sun_path of macOS has 104 bytes, the last one is NUL (unix(4)).
const maxSocket = 103

// longestSocket is the longest name of a socket that nixvf makes.
const longestSocket = "/vsock-4294967294.sock"

// plain are the paths that stay the same when vfkit reads them as URLs, and as
// values of its options.
var plain = regexp.MustCompile(`^[A-Za-z0-9/._+:-]*$`)

// HoldsSockets reports whether a directory's path is one in which every VMM
// finds its sockets.
func HoldsSockets(dir string) bool {
	return len(dir)+len(longestSocket) <= maxSocket && plain.MatchString(dir)
}

// Sockets returns the directory that a document names for the VM's sockets:
// [VM.Run], or, when they cannot lie there, one that nobody but root could make.
// It stands for the one that nixvf-boot finds.
func (v VM) Sockets() string {
	if HoldsSockets(v.Run()) {
		return v.Run()
	}
	sum := sha256.Sum256([]byte(v.Dir))
	return "/run/nixvf/" + hex.EncodeToString(sum[:8])
}

// SocketsRecord returns the file that says where the sockets lie when that is
// not [VM.Run].
func (v VM) SocketsRecord() string { return filepath.Join(v.Dir, "sockets") }

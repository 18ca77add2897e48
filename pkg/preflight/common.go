package preflight

import (
	"path/filepath"
	"strings"

	"github.com/nixvf/nixvf/pkg/bootdoc"
	"github.com/nixvf/nixvf/pkg/vmm"
)

func (c *check) nix() {
	version, settings, err := c.Nix(c.ctx)
	if err != nil {
		c.problem("nix", "https://nixos.org/download", "%s", firstLine(err.Error()))
		return
	}
	// What evaluates opens the store, or what keeps it.
	if said, err := c.Run(c.ctx, "nix-instantiate", "--eval", "--expr", "1"); err != nil {
		c.problem("nix", "a multi-user installation whose daemon runs, or the user who has installed it",
			"this user cannot use Nix %s: %s", version, firstLine(said))
		return
	}
	c.ok("nix", "%s", version)
	_, cpu := c.Platform()
	switch guest := vmm.Guest(cpu); {
	case !settings.Local():
		c.problem("builder", "nixvf shares the store of this machine", "Nix's store is %s, not this machine's", settings.Store)
	case settings.Builds(guest):
		c.ok("builder", "Nix can build for %s", guest)
	default:
		c.warn("builder", "nix-darwin's nix.linux-builder.enable, or a remote builder (--builders)",
			"nothing here builds for %s, so only what a cache has can run", guest)
	}
}

// store looks at the directory that every guest shares.
func (c *check) store() {
	owner, err := c.Owner(bootdoc.StoreDir)
	if err != nil {
		c.problem("store", "install Nix", "%s", firstLine(err.Error()))
		return
	}
	system, _ := c.Platform()
	switch {
	case system != "darwin":
		c.ok("store", "guests cannot write to %s", bootdoc.StoreDir)
	case c.UID() == 0:
		c.problem("store", "run nixvf-boot as another user, or trust the guest with --unsafe-store",
			"as root, vfkit would let the guest write to %s", bootdoc.StoreDir)
	case owner == c.UID():
		c.problem("store", "a multi-user installation of Nix, or nixvf-boot --unsafe-store for guests that you trust",
			"%s belongs to this user, so vfkit would let the guest write to it", bootdoc.StoreDir)
	default:
		c.ok("store", "%s belongs to user %d, guests cannot write to it", bootdoc.StoreDir, owner)
	}
	if c.Exists(filepath.Join(filepath.Dir(bootdoc.StoreDir), strings.ToUpper(filepath.Base(bootdoc.StoreDir)))) {
		c.warn("store case", "the guest repairs names that Nix has changed; with a case-sensitive APFS volume for /nix there is nothing to repair",
			"the store's file system does not tell upper case from lower case")
	} else {
		c.ok("store case", "the store's file system tells upper case from lower case")
	}
}

// What a small NixOS needs, and what is comfortable.
const (
	gib       = 1 << 30
	leastRoom = 1 * gib
	roomy     = 10 * gib
)

func (c *check) room(dir string) {
	free, err := c.Free(dir)
	switch text := "%.1f GiB are free in %s"; {
	case err != nil:
		c.warn("disk space", "", "%s", firstLine(err.Error()))
	case free < leastRoom:
		c.problem("disk space", "nix-collect-garbage frees space", text, float64(free)/gib, dir)
	case free < roomy:
		c.warn("disk space", "nix-collect-garbage frees space", text, float64(free)/gib, dir)
	default:
		c.ok("disk space", text, float64(free)/gib, dir)
	}
}

// busyVM is how many files are held open for a guest that reads much of the
// store: one for each inode.
const busyVM = 100_000

// openFiles looks at the limits of who holds them: virtiofsd, which inherits this
// user's, or Apple's VM service.
func (c *check) openFiles() {
	if system, _ := c.Platform(); system == "darwin" {
		c.macFiles()
		return
	}
	limit, err := c.OpenFiles()
	switch fix := "ulimit -Hn, as root, or a nofile line in /etc/security/limits.conf raises it"; {
	case err != nil:
		c.warn("open files", fix, "%s", firstLine(err.Error()))
	case limit < busyVM:
		c.warn("open files", fix, "a process may open %d files, and a guest that reads much of the store needs %d", limit, busyVM)
	default:
		c.ok("open files", "a process may open %d", limit)
	}
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return line
}

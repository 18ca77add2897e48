//go:build linux

package tests

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// storeUse is what of a configuration has to do with the store as a share.
type storeUse struct {
	GC, Optimise, AutoOptimise, NH bool
	MinFree                        int
	PrunePaths, PruneFS            []string
	Packages                       []string
	Bound                          string // the script of the service that bounds the host's open files
}

const storeUseOf = `c: {
	gc = c.nix.gc.automatic;
	optimise = c.nix.optimise.automatic;
	autoOptimise = c.nix.settings.auto-optimise-store;
	minFree = c.nix.settings.min-free;
	nh = c.programs.nh.clean.enable;
	inherit (c.services.locate) prunePaths pruneFS;
	packages = map (p: p.name or "") c.environment.systemPackages;
	bound = c.systemd.services.nixvf-host-files.script or "";
}`

// Who may not have the kernel forget things is told who may.
func TestRefreshWantsRoot(t *testing.T) {
	cmd := exec.Command("sh")
	cmd.Stdin = strings.NewReader(read(t, "../pkg/nixos/refresh.sh"))
	cmd.Dir = "/"
	if os.Getuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	}
	const want = "nixvf-refresh: only root can do this: sudo nixvf-refresh\n"
	if out, err := cmd.CombinedOutput(); err == nil || string(out) != want {
		t.Errorf("%v, %q", err, out)
	}
}

// Nothing walks the host's store by itself, whatever the real machine does;
// unless the VM's own settings say so.
func TestStoreUse(t *testing.T) {
	onEach(t, func(t *testing.T, s samples) {
		for name, use := range lookAt[storeUse](t, s, "walkers|walkersForced|noBound", storeUseOf) {
			t.Run(name, func(t *testing.T) { use.check(t, strings.Split(name, "-")[0]) })
		}
	})
}

func (use storeUse) check(t *testing.T, sample string) {
	forced := sample == "walkersForced"
	if use.GC != forced || use.Optimise != forced || use.AutoOptimise != forced || use.NH != forced ||
		(use.MinFree > 0) != forced {
		t.Errorf("%+v", use)
	}
	for _, path := range []string{"/nix/store", "/nix/.ro-store", "/nix/.rw-store"} {
		if !slices.Contains(use.PrunePaths, path) {
			t.Errorf("updatedb reads %s", path)
		}
	}
	if !hasEach(use.PruneFS, "virtiofs", "overlay", "proc") {
		t.Errorf("updatedb leaves out %q", use.PruneFS)
	}
	if !slices.Contains(use.Packages, "nixvf-refresh") {
		t.Errorf("no nixvf-refresh in %q", use.Packages)
	}
	bound := "set -- 32768\n" + read(t, "../pkg/nixos/host-files.sh")
	switch sample {
	case "walkersForced":
		bound = strings.Replace(bound, "32768", "1000", 1)
	case "noBound":
		bound = ""
	}
	if strings.TrimSpace(use.Bound) != strings.TrimSpace(bound) {
		t.Errorf("the bound is %q", use.Bound)
	}
}

//go:build linux

package tests

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// guestSettings is what the module sets for a guest, beside its file systems.
type guestSettings struct {
	Time       bool   // systemd-timesyncd runs
	Poll       string // its configuration
	Dhcpcd     string
	ClientID   string // of systemd-networkd
	Login      string // what a login shell reads
	Resize     bool   // there is a command of that name
	Autologin  string
	BinfmtFine []int // exit statuses of systemd-binfmt that are no failure
	Database   string
	Checked    []string // mount points of shares that fsck looks at
}

const guestSettingsOf = `c: {
	time = c.services.timesyncd.enable;
	poll = c.environment.etc."systemd/timesyncd.conf.d/nixvf.conf".text;
	dhcpcd = c.networking.dhcpcd.extraConfig;
	clientID = c.systemd.network.networks."99-ethernet-default-dhcp".dhcpV4Config.ClientIdentifier or "";
	login = c.environment.loginShellInit;
	resize = builtins.any (p: (p.name or "") == "resize") c.environment.systemPackages;
	autologin = c.services.getty.autologinUser;
	binfmtFine = c.systemd.services.systemd-binfmt.serviceConfig.SuccessExitStatus or [ ];
	database = c.systemd.services.nixvf-nix-database.script;
	checked = builtins.filter (at: with c.fileSystems.${at}; fsType == "virtiofs" && !noCheck) (builtins.attrNames c.fileSystems);
}`

// A guest's clock goes right after its host slept, the host can find its
// address, and its console knows the terminal.
func TestGuestSettings(t *testing.T) {
	onEach(t, func(t *testing.T, s samples) {
		for name, got := range lookAt[guestSettings](t, s, "plain|otherTime|networkd|autologin|noRosetta|layerOnDisk", guestSettingsOf) {
			t.Run(name, func(t *testing.T) { got.check(t, strings.Split(name, "-")[0]) })
		}
	})
}

// guestUnits is when the module's services run, and with what.
type guestUnits struct {
	Database struct {
		WantedBy, Before, After []string
		RestartIfChanged        bool
		Environment             map[string]string
	}
	Layer struct { // of a stage 1 that is systemd
		WantedBy, Before []string
		UnitConfig       struct {
			DefaultDependencies bool
			RequiresMountsFor   string
		}
	}
	Registers  string            // what nixpkgs itself runs to fill the database
	Bound      []string          // what wants the service that bounds the host's open files
	ExtraBin   map[string]string // of a stage 1 that is systemd
	ExtraUtils string            // of one that is not
}

const guestUnitsOf = `c: {
	database = { inherit (c.systemd.services.nixvf-nix-database) wantedBy before after restartIfChanged environment; };
	layer = let unit = c.boot.initrd.systemd.services.nixvf-store-layer or null;
		in if unit == null then null else { inherit (unit) wantedBy before unitConfig; };
	registers = c.systemd.services.register-nix-paths.script or "";
	bound = c.systemd.services.nixvf-host-files.wantedBy;
	inherit (c.boot.initrd.systemd) extraBin;
	extraUtils = c.boot.initrd.extraUtilsCommands;
}`

// What the module runs in a guest runs by itself, in time, and finds its programs.
func TestGuestUnits(t *testing.T) {
	onEach(t, func(t *testing.T, s samples) {
		for name, got := range lookAt[guestUnits](t, s, "scripted|systemd|readOnlyStore", guestUnitsOf) {
			t.Run(name, func(t *testing.T) { got.check(t, strings.Split(name, "-")[0]) })
		}
	})
}

func (g guestUnits) check(t *testing.T, sample string) {
	// The database is there before anything uses it, in the place of what nixpkgs makes of it, and once a boot.
	d := g.Database
	if !hasEach(d.WantedBy, "sysinit.target") || !hasEach(d.Before, "register-nix-paths.service", "sysinit.target", "nix-daemon.socket", "nix-daemon.service") ||
		!hasEach(d.After, "local-fs.target") || d.RestartIfChanged || d.Environment["NIX_REMOTE"] != "local" {
		t.Errorf("the Nix database: %+v", d)
	}
	if strings.Contains(g.Registers, "nix-store") {
		t.Errorf("the Nix database is loaded twice: %q", g.Registers)
	}
	if !hasEach(g.Bound, "sysinit.target") {
		t.Errorf("what bounds the host's files is wanted by %q", g.Bound)
	}
	// The layer above the store is ready when the overlay is mounted.
	l := g.Layer
	systemd, scripted := sample == "systemd", sample == "scripted"
	const overlay = "sysroot-nix-store.mount"
	ready := hasEach(l.WantedBy, overlay) && hasEach(l.Before, overlay) && !l.UnitConfig.DefaultDependencies &&
		hasEach(strings.Fields(l.UnitConfig.RequiresMountsFor), "/sysroot/nix/.ro-store", "/sysroot/nix/.rw-store")
	if ready != systemd {
		t.Errorf("the store's layer: %+v", l)
	}
	if tools := strings.HasSuffix(g.ExtraBin["setfattr"], "/bin/setfattr") && strings.HasSuffix(g.ExtraBin["find"], "/bin/find"); tools != systemd {
		t.Errorf("stage 1 has %q", g.ExtraBin)
	}
	if tools := strings.Contains(g.ExtraUtils, "/bin/setfattr"); tools != scripted {
		t.Errorf("stage 1 gets its programs by %q", g.ExtraUtils)
	}
}

// hasEach reports whether all of want are in list.
func hasEach(list []string, want ...string) bool {
	return !slices.ContainsFunc(want, func(word string) bool { return !slices.Contains(list, word) })
}

func (g guestSettings) check(t *testing.T, sample string) {
	if g.Time != (sample != "otherTime") || !strings.Contains(g.Poll, "[Time]\nPollIntervalMaxSec=64\n") {
		t.Errorf("systemd-timesyncd: %t, %q", g.Time, g.Poll)
	}
	lines := strings.Split(g.Dhcpcd, "\n")
	if !slices.Contains(lines, "clientid") || !slices.Contains(lines, "noarp") {
		t.Errorf("dhcpcd: %q", g.Dhcpcd)
	}
	if (g.ClientID == "mac") != (sample == "networkd") {
		t.Errorf("systemd-networkd's client identifier is %q", g.ClientID)
	}
	line := strings.ReplaceAll(regexp.QuoteMeta(loginLine), "@console@", "/nix/store/[^ ]*-nixvf-console/bin/nixvf-console")
	if !regexp.MustCompile(line).MatchString(g.Login) || !g.Resize {
		t.Errorf("a login shell runs %q", g.Login)
	}
	if (g.Autologin == "ann") != (sample == "autologin") {
		t.Errorf("%q is logged in", g.Autologin)
	}
	if slices.Equal(g.BinfmtFine, []int{1}) != (sample != "noRosetta") {
		t.Errorf("systemd-binfmt may end with %v", g.BinfmtFine)
	}
	if len(g.Checked) > 0 { // there is no fsck.virtiofs
		t.Errorf("fsck looks at %q", g.Checked)
	}
	kept := strings.HasPrefix(g.Database, "set -- kept\n")
	if kept != (sample == "layerOnDisk") || !strings.Contains(g.Database, read(t, "../pkg/nixos/nix-database.sh")) {
		t.Errorf("the Nix database is made by %q", g.Database)
	}
}

//go:build linux

package tests

import (
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
	Login      string // what a login shell runs
	Autologin  string
	BinfmtFine []int // exit statuses of systemd-binfmt that are no failure
	Database   string
}

const guestSettingsOf = `c: {
	time = c.services.timesyncd.enable;
	poll = c.environment.etc."systemd/timesyncd.conf.d/nixvf.conf".text;
	dhcpcd = c.networking.dhcpcd.extraConfig;
	clientID = c.systemd.network.networks."99-ethernet-default-dhcp".dhcpV4Config.ClientIdentifier or "";
	login = c.environment.loginShellInit;
	autologin = c.services.getty.autologinUser;
	binfmtFine = c.systemd.services.systemd-binfmt.serviceConfig.SuccessExitStatus or [ ];
	database = c.systemd.services.nixvf-nix-database.script;
}`

// A guest's clock goes right after its host slept, the host can find its
// address, and its console knows the terminal.
func TestGuestSettings(t *testing.T) {
	samples := lookAt[guestSettings](t, "(plain|otherTime|networkd|autologin|noRosetta|layerOnDisk)-.*", guestSettingsOf)
	if len(samples) != 18 {
		t.Errorf("%d samples", len(samples))
	}
	for name, got := range samples {
		t.Run(name, func(t *testing.T) { got.check(t, strings.Split(name, "-")[0]) })
	}
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
	if !strings.Contains(g.Login, read(t, "../pkg/nixos/console.sh")) {
		t.Errorf("a login shell runs %q", g.Login)
	}
	if (g.Autologin == "ann") != (sample == "autologin") {
		t.Errorf("%q is logged in", g.Autologin)
	}
	if slices.Equal(g.BinfmtFine, []int{1}) != (sample != "noRosetta") {
		t.Errorf("systemd-binfmt may end with %v", g.BinfmtFine)
	}
	kept := strings.HasPrefix(g.Database, "set -- kept\n")
	if kept != (sample == "layerOnDisk") || !strings.Contains(g.Database, read(t, "../pkg/nixos/nix-database.sh")) {
		t.Errorf("the Nix database is made by %q", g.Database)
	}
}

//go:build linux

package tests

import (
	"strings"
	"testing"
)

// service is what the module says of one of its services.
type service struct {
	Before, Conflicts []string
	RestartIfChanged  *bool
	UnitConfig        struct {
		DefaultDependencies       *bool
		IgnoreOnIsolate           bool
		ConditionPathIsMountPoint string
		ConditionPathExists       string
	}
	ServiceConfig struct {
		Type, Restart   string
		RemainAfterExit bool
	}
}

// moduleServices are those of both stages, STAGE/NAME. The options of nixpkgs
// have more in them than JSON can say.
const moduleServicesOf = `c:
	let
		part = name: unit: { ${if unit ? ${name} then name else null} = unit.${name}; };
		parts = unit: builtins.foldl' (all: name: all // part name unit) { }
			[ "before" "conflicts" "restartIfChanged" "unitConfig" "serviceConfig" ];
		of = stage: services: map
			(name: { name = "${stage}/${name}"; value = parts services.${name}; })
			(builtins.filter (name: builtins.match "nixvf-.*" name != null) (builtins.attrNames services));
	in
	builtins.listToAttrs (of "1" c.boot.initrd.systemd.services ++ of "2" c.systemd.services)`

// Each service of the module does its work as often as it should: systemd starts
// it again at each start job that wants it and when a configuration is switched
// to, and stops it at each visit to emergency mode.
func TestServices(t *testing.T) {
	onEach(t, func(t *testing.T, s samples) {
		for sample, services := range lookAt[map[string]service](t, s, "plain|systemd|layerOnDisk", moduleServicesOf) {
			checkServices(t, sample, services)
		}
	})
}

func checkServices(t *testing.T, sample string, services map[string]service) {
	t.Helper()
	want := []string{
		"2/nixvf-host-files", "2/nixvf-mounts", "2/nixvf-nix-database", "2/nixvf-ssh-keys", "2/nixvf-ssh-card",
		"2/nixvf-ssh-vsock@", "2/nixvf-ssh-nixvf0@",
	}
	if sample != "plain-25.11" && sample != "layerOnDisk-25.11" { // whose stage 1 is a script
		want = append(want, "1/nixvf-store-layer", "1/nixvf-credentials")
	}
	for _, name := range want {
		if _, found := services[name]; !found {
			t.Errorf("%s has no %s", sample, name)
		}
	}
	for name, s := range services {
		if strings.HasSuffix(name, "@") { // one for each connection, which ends with it
			s.ServiceConfig.Restart = "always"
		}
		for _, fault := range s.faults(strings.HasPrefix(name, "2/")) {
			t.Errorf("%s: %s: %s", sample, name, fault)
		}
	}
}

// faults says what systemd would do with the service that nobody wants, and what a
// switch of the configuration would, which only stage 2 sees.
func (s service) faults(switched bool) (faults []string) {
	fault := func(found bool, text string) {
		if found {
			faults = append(faults, text)
		}
	}
	once := s.ServiceConfig.Type == "oneshot"
	fault(once && !s.ServiceConfig.RemainAfterExit, "runs again at each start job of what wants it")
	undone := strings.HasPrefix(s.UnitConfig.ConditionPathIsMountPoint+s.UnitConfig.ConditionPathExists, "!")
	fault(once && !s.UnitConfig.IgnoreOnIsolate && !undone, "runs again after emergency mode")
	fault(once && switched && (s.RestartIfChanged == nil || *s.RestartIfChanged), "runs again when a configuration is switched to")
	fault(!once && s.ServiceConfig.Restart != "always", "does not come back when it has ended")
	defaults := s.UnitConfig.DefaultDependencies == nil || *s.UnitConfig.DefaultDependencies
	fault(!defaults && !(hasEach(s.Before, "shutdown.target") && hasEach(s.Conflicts, "shutdown.target")), "is not stopped at shutdown")
	return faults
}

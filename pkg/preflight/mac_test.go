package preflight

import (
	"strings"
	"testing"
)

// What preflight runs on a Mac, and what is printed there: recorded, in public
// issues or in tests of others, with other addresses.
const (
	swVers       = "sw_vers -productVersion"
	managername  = "/bin/launchctl managername"
	keychainInfo = "/usr/bin/security show-keychain-info"
	globalState  = socketfilterfw + " --getglobalstate"
	blockAll     = socketfilterfw + " --getblockall"
	allowSigned  = socketfilterfw + " --getallowsigned"
	listApps     = socketfilterfw + " --listapps"
	netAddress   = "/usr/bin/defaults read /Library/Preferences/SystemConfiguration/com.apple.vmnet Shared_Net_Address"
	guestRoute   = "/sbin/route -n get 192.168.64.2"
	defaultRoute = "/sbin/route -n get default"
	sysctl       = "/usr/sbin/sysctl -n kern.maxfilesperproc kern.maxfiles kern.num_files"

	throughEn0 = "   route to: default\ndestination: default\n       mask: default\n    gateway: 192.168.1.1\n  interface: en0\n" +
		"      flags: <UP,GATEWAY,DONE,STATIC,PRCLONING,GLOBAL>\n recvpipe  sendpipe  ssthresh  rtt,msec    rttvar  hopcount      mtu     expire\n" +
		"       0         0         0         0         0         0      1500         0 \n"
	throughUtun = "   route to: 192.168.64.2\ndestination: 192.168.0.0\n       mask: 255.255.0.0\n    gateway: 10.251.1.1\n  interface: utun4\n" +
		"      flags: <UP,GATEWAY,DONE,STATIC,PRCLONING>\n"
	throughBridge = "   route to: 192.168.64.2\ndestination: 192.168.64.0\n       mask: 255.255.255.0\n  interface: bridge100\n      flags: <UP,DONE,CLONING>\n"
)

// TestOnlyMac spoils, one at a time, what only a Mac has.
func TestOnlyMac(t *testing.T) {
	const (
		enabled    = "Firewall is enabled. (State = 1) \n"
		notAll     = "Firewall has block all state set to disabled.\n"
		ownAllowed = "Automatically allow built-in signed software ENABLED. \nAutomatically allow downloaded signed software ENABLED. \n"
		ownBlocked = "Automatically allow built-in signed software DISABLED. \nAutomatically allow downloaded signed software DISABLED. \n"
		listed     = "ALF: total number of apps = 2 \n\n1 :  /Applications/Zoom.app \n \t ( Block incoming connections ) \n\n2 :  /usr/libexec/bootpd \n \t ( Block incoming connections ) \n\n"
		allowed    = "ALF: total number of apps = 2 \n\n1 :  /usr/libexec/bootpd \n \t ( Allow incoming connections ) \n\n2 :  /Applications/Zoom.app \n \t ( Block incoming connections ) \n\n"
		listed27   = "Total number of apps = 2\n1 : /Applications/Zoom.app \n             (Allow incoming connections)\n2 : /usr/libexec/bootpd \n             (Block incoming connections)\n"
		blocked    = "warning  firewall    it blocks /usr/libexec/bootpd, so guests on macOS's NAT get no address: sudo /usr/libexec/ApplicationFirewall/socketfilterfw --add /usr/libexec/bootpd && sudo "
		everything = "warning  firewall    it blocks all incoming connections, so guests on macOS's NAT get no address: System Settings, "
		locked     = "!security: SecKeychainCopySettings <NULL>: User interaction is not allowed.\n"
		none       = "!security: SecKeychainCopySettings <NULL>: A default keychain could not be found.\n"
	)
	tests := []struct {
		name    string
		answers []string // a command, what it prints, and so on
		want    string
	}{
		{"the firewall asks for bootpd by name", []string{globalState, enabled, blockAll, notAll, allowSigned, ownBlocked, listApps, listed}, blocked},
		{"as macOS 27 prints it", []string{globalState, enabled, blockAll, notAll, allowSigned, ownAllowed, listApps, listed27}, blocked},
		{"nobody has allowed it", []string{globalState, enabled, blockAll, "Block all DISABLED! \n", allowSigned, ownBlocked, listApps, "ALF: total number of apps = 0 \n"}, blocked},
		{"macOS's own programs are allowed", []string{globalState, enabled, blockAll, notAll, allowSigned, ownAllowed, listApps, "ALF: total number of apps = 0 \n"}, ""},
		{"bootpd is allowed", []string{globalState, enabled, blockAll, notAll, allowSigned, ownBlocked, listApps, allowed}, ""},
		{"everything is blocked, bootpd's rule or not", []string{globalState, enabled, blockAll, "Firewall has block all state set to enabled.\n", listApps, allowed}, everything},
		{"in the state", []string{globalState, "Firewall is blocking all non-essential incoming connections. (State = 2) \n"}, everything},
		{"in older words", []string{globalState, enabled, blockAll, "Firewall is set to block all non-essential incoming connections\n"}, everything},
		{"a firewall of which nothing is known", []string{globalState, "Firewall settings cannot be read\n"}, "warning  firewall    what it lets through cannot be found out: "},

		{"a VPN has the guests' network", []string{guestRoute, throughUtun}, "warning  VPN         the one on utun4 has the route to 192.168.64.2, where guests on macOS's NAT are: disconnect it, or forward a port"},
		{"a VPN has all routes", []string{guestRoute, throughUtun, defaultRoute, throughUtun}, "warning  VPN         the one on utun4 has the default route: "},
		{"all but a running guest's", []string{guestRoute, throughBridge, defaultRoute, throughUtun}, "warning  VPN         the one on utun4 has the default route: "},
		{"a guest runs", []string{guestRoute, throughBridge}, ""},
		{"there is no network", []string{guestRoute, "!route: writing to routing socket: not in table\n", defaultRoute, "!route: writing to routing socket: not in table\n"}, ""},
		{"the NAT's network is another one", []string{netAddress, "192.168.105.1\n", guestRoute, throughUtun, "/sbin/route -n get 192.168.105.2", throughEn0}, ""},
		{"which a VPN has", []string{netAddress, "192.168.105.1\n", "/sbin/route -n get 192.168.105.2", throughUtun}, "warning  VPN         the one on utun4 has the route to 192.168.105.2, "},

		{"logged in by ssh, keychain open", []string{managername, "Background\n", keychainInfo, "Keychain \"<NULL>\" lock-on-sleep timeout=300s\n"}, ""},
		{"logged in by ssh, keychain locked", []string{managername, "Background\n", keychainInfo, locked}, "warning  keychain    locked: macOS may not start a VM (security: SecKeychainCopySettings <NULL>: User interaction is not allowed.): security unlock-keychain, or log in"},
		{"never logged in at the screen", []string{managername, "Background\n", keychainInfo, none}, "warning  keychain    this user has none: macOS may not start a VM (security: "},
		{"at the screen nobody asks", []string{managername, "Aqua\n", keychainInfo, locked}, ""},

		{"the service's files", []string{sysctl, "61440\n122880\n7655\n"}, "warning  open files  Apple's VM service may open 61440 files, and this Mac 115225 more; a guest that reads much of the store needs 100000: sudo sysctl kern."},
		{"the Mac's files", []string{sysctl, "245760\n491520\n400000\n"}, "warning  open files  Apple's VM service may open 245760 files, and this Mac 91520 more; "},
		{"no such limits", []string{sysctl, "!sysctl: unknown oid 'kern.num_files'\n"}, "warning  open files  the limits are unknown: "},

		{"Rosetta of macOS 15", []string{swVers, "15.7.3\n"}, "warning  Rosetta     the one of macOS 15.7.3 cannot run x86_64-linux programs under guest kernels 6.13 and newer (\"unhandled auxillary vector type 29\"): macOS 26 or newer, or boot.kernelPackages = pkgs.linuxPackages_6_12"},
		{"of an early one", []string{swVers, "15.3.2\n"}, "warning  Rosetta     the one of macOS 15.3.2 cannot run x86_64-linux programs under guest kernels 6.11 and newer (\"Failed to find vdso DT_HASH\"): macOS 26 or newer, or boot.kernelPackages = pkgs.linuxPackages_6_6"},
		{"of macOS 26 and 27", []string{swVers, "27.0\n"}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := mac()
			for i := 0; i < len(tt.answers); i += 2 {
				h.programs[tt.answers[i]] = tt.answers[i+1]
			}
			h.finds(t, tt.want)
		})
	}
}

// TestOldMac looks at versions of macOS that are old for more than one thing.
func TestOldMac(t *testing.T) {
	for version, want := range map[string]string{
		"12.7\n": "problem  macOS       12.7 is too old, 13 or newer is needed: Software Update\n",
		"13.6\n": "warning  macOS       13.6: vfkit supports 14 and newer: Software Update\n",
	} {
		h := mac()
		h.programs[swVers] = version
		text := string(Text(Check(t.Context(), h, Programs{}, "/state")))
		const rosetta = "cannot run x86_64-linux programs under guest kernels 6.3 and newer (\"unhandled auxillary vector type 28\"): macOS 26 or newer\n"
		if !strings.HasPrefix(text, want) || !strings.Contains(text, rosetta) {
			t.Error(text)
		}
	}
}

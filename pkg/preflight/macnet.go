package preflight

import (
	"net/netip"
	"regexp"
	"strings"
)

// ownNetwork is the way around all that can be wrong with macOS's NAT.
const ownNetwork = "or forward a port (nixvf-args --forward 2222:22): that is a network of nixvf's own, which needs none of it"

const (
	// socketfilterfw speaks for the application firewall of macOS.
	socketfilterfw = "/usr/libexec/ApplicationFirewall/socketfilterfw"
	// bootpd gives the guests on macOS's NAT their addresses.
	bootpd = "/usr/libexec/bootpd"
)

// What socketfilterfw prints has changed from one macOS to the next: these are
// what the versions from 13 to 27 have in common.
var (
	firewallOff  = regexp.MustCompile(`State = 0|(?i)firewall is disabled`)
	blocksAll    = regexp.MustCompile(`State = 2|(?i)block all (state set to )?enabled|set to block all`)
	ownUnblocked = regexp.MustCompile(`(?i)built-in signed software enabled`)
	bootpdRule   = regexp.MustCompile(regexp.QuoteMeta(bootpd) + `\s+\(\s*(Allow|Block) incoming`)
)

// firewall looks at whether guests on the NAT get an address. A rule for bootpd
// goes before the one for macOS's own programs.
func (c *check) firewall() {
	const unblock = "sudo " + socketfilterfw + " --add " + bootpd + " && sudo " + socketfilterfw + " --unblockapp " + bootpd + ", " + ownNetwork
	ask := func(what string) string {
		answer, _ := c.Run(c.ctx, socketfilterfw, what)
		return answer
	}
	state := ask("--getglobalstate")
	rule := bootpdRule.FindStringSubmatch(ask("--listapps"))
	switch {
	case firewallOff.MatchString(state):
		c.ok("firewall", "off")
	case !strings.Contains(state, "State = "):
		c.warn("firewall", ownNetwork, "what it lets through cannot be found out: %q", firstLine(state))
	case blocksAll.MatchString(state), blocksAll.MatchString(ask("--getblockall")):
		c.warn("firewall", "System Settings, Network, Firewall, Options: do not block all incoming connections, "+ownNetwork,
			"it blocks all incoming connections, so guests on macOS's NAT get no address")
	case rule != nil && rule[1] == "Block", rule == nil && !ownUnblocked.MatchString(ask("--getallowsigned")):
		c.warn("firewall", unblock, "it blocks %s, so guests on macOS's NAT get no address", bootpd)
	default:
		c.ok("firewall", "on, and lets %s through", bootpd)
	}
}

// sharedNet is where macOS keeps the address that it has itself on the NAT's
// network; without it, that is usualNet.
var (
	sharedNet = []string{"read", "/Library/Preferences/SystemConfiguration/com.apple.vmnet", "Shared_Net_Address"}
	usualNet  = netip.MustParseAddr("192.168.64.1")
)

// routes looks at whether a VPN has taken the way to the guests, or the one that
// they have out. The guest that it asks about is the first, whose address comes
// after that of the Mac.
func (c *check) routes() {
	host := usualNet
	if answer, err := c.Run(c.ctx, "/usr/bin/defaults", sharedNet...); err == nil {
		if set, err := netip.ParseAddr(firstLine(answer)); err == nil {
			host = set
		}
	}
	guest := host.Next().String()
	in, out := c.interfaceTo(guest), c.interfaceTo("default")
	const fix = "disconnect it, " + ownNetwork
	switch {
	case isVPN(in) && in != out:
		c.warn("VPN", fix, "the one on %s has the route to %s, where guests on macOS's NAT are", in, guest)
	case isVPN(out):
		c.warn("VPN", fix, "the one on %s has the default route: macOS's NAT may not carry what guests send", out)
	default:
		c.ok("VPN", "none has the guests' routes")
	}
}

// interfaceTo returns the name of the interface through which packets for a
// destination leave; "" if there is none.
func (c *check) interfaceTo(destination string) string {
	answer, _ := c.Run(c.ctx, "/sbin/route", "-n", "get", destination)
	for line := range strings.Lines(answer) {
		if name, ok := strings.CutPrefix(strings.TrimSpace(line), "interface:"); ok {
			return strings.TrimSpace(name)
		}
	}
	return ""
}

// isVPN reports whether an interface belongs to a VPN, by its name.
func isVPN(name string) bool {
	for _, kind := range []string{"utun", "ipsec", "ppp", "tun", "tap"} {
		if strings.HasPrefix(name, kind) {
			return true
		}
	}
	return false
}

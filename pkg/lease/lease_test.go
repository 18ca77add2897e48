package lease

import (
	"net"
	"testing"
)

// leases is in the form of a file of macOS: the newest entries first, bytes
// without leading zeros, and identifiers that systemd-networkd makes.
const leases = `{
	name=web
	ip_address=192.168.64.9
	hw_address=1,52:4:0:a:b:c
	identifier=1,52:4:0:a:b:c
	lease=0x67a1b2c3
}
{
	name=web
	ip_address=192.168.64.3
	hw_address=1,52:4:0:a:b:c
	identifier=1,52:4:0:a:b:c
	lease=0x67a1b2c2
}
{
	ip_address=192.168.64.4
	hw_address=1,52:4:0:a:b:d
	lease=0x67a00001
}
{
	ip_address=192.168.64.5
	hw_address=1,52:4:0:a:b:d
	lease=0x67a00002
}
{
	name=networkd
	ip_address=192.168.64.6
	hw_address=ff,f1:f5:dd:7f:0:2:0:0:ab:11:1:2:3:4:5:6:7:8
	lease=0x67a00003
}
{
	name=linklayer
	ip_address=192.168.64.7
	hw_address=ff,f1:f5:dd:7f:0:3:0:1:52:4:0:a:b:e
	lease=0x67a00004
}
{
	name=withtime
	ip_address=192.168.64.8
	hw_address=ff,f1:f5:dd:7f:0:1:0:1:2c:1:2:3:52:4:0:a:b:f
	lease=0x67a00005
}
{
	name=broken
	ip_address=none
	hw_address=1,52:4:0:a:b:10
}
{
	name=unfinished
	ip_address=192.168.64.66
	hw_address=1,52:4:0:a:b:10
`

func TestFind(t *testing.T) {
	list := Parse([]byte(leases))
	if len(list) != 7 {
		t.Fatalf("%d leases, not 7: %+v", len(list), list)
	}
	for _, c := range []struct{ mac, name, want string }{
		{"52:04:00:0a:0b:0c", "web", "192.168.64.9"},      // the later of two
		{"52:04:00:0a:0b:0d", "", "192.168.64.5"},         // whatever their order
		{"52:04:00:0a:0b:0c", "networkd", "192.168.64.9"}, // the card before the name
		{"52:04:00:0a:0b:11", "networkd", "192.168.64.6"},
		{"52:04:00:0a:0b:0e", "", "192.168.64.7"},
		{"52:04:00:0a:0b:0f", "", "192.168.64.8"},
		{"52:04:00:0a:0b:11", "web", ""}, // another card of that name
		{"52:04:00:0a:0b:10", "", ""},
	} {
		mac, err := net.ParseMAC(c.mac)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if l, ok := Find(list, mac, c.name); ok {
			got = l.Address.String()
		}
		if got != c.want {
			t.Errorf("%s %q is at %q, want %q", c.mac, c.name, got, c.want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(leases), "web")
	f.Add([]byte("{\nip_address=1.2.3.4\nhw_address=ff,1:2:3:4:0:1\n}"), "")
	f.Fuzz(func(t *testing.T, data []byte, name string) {
		mac := net.HardwareAddr{0x52, 4, 0, 10, 11, 12}
		list := Parse(data)
		for _, l := range list {
			if !l.Address.IsValid() || len(l.Client) == 0 {
				t.Errorf("incomplete: %+v", l)
			}
		}
		if l, ok := Find(list, mac, name); ok && l.hardware() != nil && string(l.hardware()) != string(mac) {
			t.Errorf("of another card: %+v", l)
		}
	})
}

package vfkit

import (
	"encoding"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/nixvf/nixvf/pkg/bootdoc"
)

func TestFlagValues(t *testing.T) {
	tests := []struct {
		into     encoding.TextUnmarshaler
		good     map[string]any
		bad      []string
		complain string
	}{
		{new(CPUs), map[string]any{"1": CPUs(1), "1024": CPUs(1024)}, []string{"", "0", "-1", "1025", "x", "1.5"}, "is not a number from 1 to 1024"},
		{new(MiB), map[string]any{"1": MiB(1), "4096": MiB(4096), "2G": MiB(2048), "1.5g": MiB(1536), "512MiB": MiB(512), "1025K": MiB(1)},
			[]string{"", "0", "-1", "x", "1K", "1e3", "NaN", "99999999999", "9999999999999P", "G", "+5"}, "is not a size like 4096 (MiB) or 4G"},
		{new(MAC), map[string]any{"52:54:00:12:34:56": MAC{0x52, 0x54, 0, 0x12, 0x34, 0x56}, "52-54-00-12-34-56": MAC{0x52, 0x54, 0, 0x12, 0x34, 0x56}},
			[]string{"", "x", "52:54:00:12:34", "01:00:00:00:00:00", "ff:ff:ff:ff:ff:ff", "02:00:00:00:00:00:00:01"}, "is not a MAC address of one card, such as 52:54:00:12:34:56"},
		{new(Port), map[string]any{"1": Port(1), "4294967294": Port(4294967294)}, []string{"", "0", "-1", "4294967295", "4294967296", "x"}, "is not a vsock port"},
	}
	for _, tt := range tests {
		for text, want := range tt.good {
			err := tt.into.UnmarshalText([]byte(text))
			if got := reflect.ValueOf(tt.into).Elem().Interface(); err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("%T %q: %v, got %v, want %v", want, text, err, got, want)
			}
		}
		for _, text := range tt.bad {
			if err := tt.into.UnmarshalText([]byte(text)); err == nil || !strings.HasSuffix(err.Error(), tt.complain) {
				t.Errorf("%T %q: %v", tt.into, text, err)
			}
		}
	}
}

func forwarded(proto, hostAddress string, hostPort int, guestAddress string, guestPort int) bootdoc.ForwardPort {
	return bootdoc.ForwardPort{From: "host", Proto: proto,
		Host: bootdoc.Address{Address: hostAddress, Port: hostPort}, Guest: bootdoc.Address{Address: guestAddress, Port: guestPort}}
}

func TestForward(t *testing.T) {
	for text, want := range map[string]bootdoc.ForwardPort{
		"2222:22":                forwarded("tcp", "", 2222, "", 22),
		"8053:53/udp":            forwarded("udp", "", 8053, "", 53),
		"2222:22/tcp":            forwarded("tcp", "", 2222, "", 22),
		"0.0.0.0:8080:80":        forwarded("tcp", "0.0.0.0", 8080, "", 80),
		"127.0.0.1:65535:1/udp":  forwarded("udp", "127.0.0.1", 65535, "", 1),
		"[::1]:8080:80":          forwarded("tcp", "::1", 8080, "", 80),
		"[fe80::1]:53:53/udp":    forwarded("udp", "fe80::1", 53, "", 53),
		":2222:22":               forwarded("tcp", "", 2222, "", 22),
		"2001:db8::1:8080:80":    forwarded("tcp", "2001:db8::1", 8080, "", 80),
		"[2001:db8::1]:08080:80": forwarded("tcp", "2001:db8::1", 8080, "", 80),
	} {
		var f Forward
		if err := f.UnmarshalText([]byte(text)); err != nil || bootdoc.ForwardPort(f) != want {
			t.Errorf("%q: %v, got %+v", text, err, f)
		}
	}
	for text, want := range map[string]string{
		"":                `"" is not of the form [ADDRESS:]PORT:GUESTPORT[/udp]`,
		"22":              `"22" is not of the form [ADDRESS:]PORT:GUESTPORT[/udp]`,
		"0:22":            `"0:22": "0" is not a port`,
		"22:65536":        `"22:65536": "65536" is not a port`,
		"22:":             `"22:": "" is not a port`,
		"a:22":            `"a:22": "a" is not a port`,
		"+22:22":          `"+22:22": "+22" is not a port`,
		"22:22/sctp":      `"22:22/sctp": protocol "sctp" is neither tcp nor udp`,
		"22:22/":          `"22:22/": protocol "" is neither tcp nor udp`,
		"localhost:22:22": `"localhost:22:22": "localhost" is not an IP address`,
		"[::1%lo]:22:22":  `"[::1%lo]:22:22": "::1%lo" is not an IP address`,
		"[::1:22:22":      `"[::1:22:22": "[::1" is not an IP address`,
	} {
		var f Forward
		if err := f.UnmarshalText([]byte(text)); err == nil || err.Error() != want {
			t.Errorf("%q: got %v\nwant %s", text, err, want)
		}
	}
}

func TestNetOpts(t *testing.T) {
	tests := []struct {
		in       string
		forwards []bootdoc.ForwardPort
		restrict bool
		rest     []string
	}{
		{"", nil, false, nil},
		{"hostfwd=tcp::2222-:22,hostfwd=udp:127.0.0.1:53-:53", []bootdoc.ForwardPort{
			forwarded("tcp", "", 2222, "", 22), forwarded("udp", "127.0.0.1", 53, "", 53)}, false, nil},
		{",hostfwd=::2222-10.0.2.15:22,", []bootdoc.ForwardPort{forwarded("tcp", "", 2222, "10.0.2.15", 22)}, false, nil},
		{"hostfwd=tcp:[::1]:1-[fe80::2]:2", []bootdoc.ForwardPort{forwarded("tcp", "::1", 1, "fe80::2", 2)}, false, nil},
		{"restrict=on", nil, true, nil},
		{"restrict=yes,restrict=no", nil, false, nil},
		{"guestfwd=tcp:10.0.2.1:1-cmd:x,smb=/a,restrict=y", nil, true, []string{"guestfwd=tcp:10.0.2.1:1-cmd:x", "smb=/a"}},
	}
	for _, tt := range tests {
		forwards, restrict, rest, err := NetOpts(tt.in)
		if err != nil || !slices.Equal(forwards, tt.forwards) || restrict != tt.restrict || !slices.Equal(rest, tt.rest) {
			t.Errorf("%q: %v, got %+v, %v, %q", tt.in, err, forwards, restrict, rest)
		}
	}
	for in, want := range map[string]string{
		"hostfwd=":               `"hostfwd=": not of the form tcp:[ADDRESS]:PORT-[GUEST]:PORT`,
		"hostfwd=tcp::22":        `"hostfwd=tcp::22": not of the form tcp:[ADDRESS]:PORT-[GUEST]:PORT`,
		"hostfwd=tcp::22-22":     `"hostfwd=tcp::22-22": "22" is not of the form [ADDRESS]:PORT`,
		"hostfwd=tcp:22-:22":     `"hostfwd=tcp:22-:22": "22" is not of the form [ADDRESS]:PORT`,
		"hostfwd=unix:/a-:22":    `"hostfwd=unix:/a-:22": protocol "unix" is neither tcp nor udp`,
		"a=b,hostfwd=tcp::0-:22": `"hostfwd=tcp::0-:22": "0" is not a port`,
	} {
		if _, _, _, err := NetOpts(in); err == nil || err.Error() != want {
			t.Errorf("%q: got %v\nwant %s", in, err, want)
		}
	}
}

// Nothing panics, and each rule that is read can be written as one again.
func FuzzNetOpts(f *testing.F) {
	for _, seed := range []string{"hostfwd=tcp::2222-:22,hostfwd=udp:127.0.0.1:53-:53", "restrict=on,smb=/x", "hostfwd=tcp:[::1]:1-[fe80::2]:2", "hostfwd=-:", ",=,"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		forwards, _, _, err := NetOpts(in)
		if err != nil && len(forwards) > 0 {
			t.Error("rules and an error")
		}
		for _, p := range forwards {
			for _, a := range []bootdoc.Address{p.Host, p.Guest} {
				if bootdoc.CheckIP(a.Address) != nil || a.Port < 1 || a.Port > 65535 {
					t.Errorf("%q: got %+v", in, p)
				}
			}
		}
		var flag Forward
		if err := flag.UnmarshalText([]byte(in)); err == nil && (flag.Host.Port == 0 || flag.Guest.Port == 0) {
			t.Errorf("%q: got %+v", in, flag)
		}
	})
}

package vfkit

import (
	"strings"
	"testing"
)

func TestParseEndpoint(t *testing.T) {
	tests := []struct {
		uri      string
		want     Endpoint
		loopback bool
	}{
		{"none://", Endpoint{}, false},
		{"NONE://x", Endpoint{}, false},
		{"unix:///x.sock", Endpoint{"unix", "/x.sock"}, false},
		{"unix:/x.sock", Endpoint{"unix", "/x.sock"}, false},
		{"UNIX:///a%20b?c", Endpoint{"unix", "/a b"}, false},
		{"tcp://localhost:1", Endpoint{"tcp", "localhost:1"}, true},
		{"tcp://127.1.2.3:1", Endpoint{"tcp", "127.1.2.3:1"}, true},
		{"http://[::1]:1", Endpoint{"tcp", "[::1]:1"}, true},
		{"tcp://[::ffff:127.0.0.1]:1", Endpoint{"tcp", "[::ffff:127.0.0.1]:1"}, true},
		{"TCP://0.0.0.0:1", Endpoint{"tcp", "0.0.0.0:1"}, false},
		{"HTTP://[::]:1", Endpoint{"tcp", "[::]:1"}, false},
		{"http://:1", Endpoint{"tcp", ":1"}, false},
		{"tcp://127.0.0.1@0.0.0.0:1", Endpoint{"tcp", "0.0.0.0:1"}, false},
		{"tcp://127.0.0.1.example.org:1", Endpoint{"tcp", "127.0.0.1.example.org:1"}, false},
		{"tcp://localhost.example.org:1", Endpoint{"tcp", "localhost.example.org:1"}, false},
	}
	for _, tt := range tests {
		got, err := ParseEndpoint(tt.uri)
		if err != nil || got != tt.want || got.Network == "tcp" && got.Loopback() != tt.loopback {
			t.Errorf("%s: %+v, loopback %v, %v", tt.uri, got, got.Loopback(), err)
		}
	}
	for _, uri := range []string{
		"", "x", "/x.sock", "unix://", "unix://host/x", "unix:x", "unix:///" + strings.Repeat("a", 103), "tcp://", "tcp://localhost",
		"tcp://localhost:1/x", "http://localhost", "https://localhost:1", "ws://localhost:1", "unix:///%zz", "tcp://[::1:1",
	} {
		if got, err := ParseEndpoint(uri); err == nil {
			t.Errorf("%s: %+v", uri, got)
		}
	}
}

package boot

import (
	"testing"

	"github.com/crc-org/vfkit/pkg/config"
)

func TestReach(t *testing.T) {
	tests := []struct {
		port         uint32
		socket, name string
		want         string
	}{
		{22, "/s/vsock-22.sock", "darwinVM", `ssh -o ProxyCommand='nc -U /s/vsock-22.sock' root@darwinVM`},
		{22, "/a b/s", "", `ssh -o ProxyCommand="nc -U '/a b/s'" root@vm`},
		{1024, "/a b/s", "x", `nc -U '/a b/s'`},
	}
	for _, tt := range tests {
		if got := reach(&config.VirtioVsock{Port: tt.port, SocketURL: tt.socket}, tt.name); got != tt.want {
			t.Errorf("%s, want %s", got, tt.want)
		}
	}
}

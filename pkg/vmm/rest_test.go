package vmm

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"testing"

	"github.com/nixvf/nixvf/pkg/qemu"
	"github.com/nixvf/nixvf/pkg/vfkit"
)

// What a VMM answers to a request to stop is told apart from a VMM that does not
// answer, and its reason is passed on.
func TestRefusal(t *testing.T) {
	dir := t.TempDir()
	rest, monitor := filepath.Join(dir, "rest"), filepath.Join(dir, "qmp")
	vmms := map[string]VMM{
		"vfkit": &vfkitVMM{rest: vfkit.Endpoint{Network: "unix", Address: rest}},
		"qemu":  &qemuVMM{plan: &qemu.Plan{Monitor: monitor}},
	}
	for name, v := range vmms {
		var refused Refusal
		if err := v.Stop(); err == nil || errors.As(err, &refused) {
			t.Errorf("%s, nobody listens: %v", name, err)
		}
	}
	go http.Serve(listenAt(t, rest), http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusInternalServerError)
		fmt.Fprint(w, `{"error": "not now"}`)
	}))
	go refuse(listenAt(t, monitor))
	for name, v := range vmms {
		var refused Refusal
		if err := v.Stop(); !errors.As(err, &refused) || refused != "not now" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func listenAt(t *testing.T, path string) net.Listener {
	t.Helper()
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// refuse is a QEMU that greets, and carries out no command but the first.
func refuse(l net.Listener) {
	conn, err := l.Accept()
	if err != nil {
		return
	}
	defer conn.Close()
	in := bufio.NewScanner(conn)
	for _, answer := range []string{`{"QMP": {}}`, `{"return": {}}`, `{"error": {"desc": "not now"}}`} {
		_, _ = io.WriteString(conn, answer+"\n")
		in.Scan()
	}
}

//go:build linux

package tests

import (
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// limitFiles bounds the descriptors of a process, 0 so that it gets no further
// one. It returns the bound before.
func limitFiles(t *testing.T, pid int, most uint64) uint64 {
	t.Helper()
	var old unix.Rlimit
	err := unix.Prlimit(pid, unix.RLIMIT_NOFILE, nil, &old)
	for used := most == 0; used; most++ { // up to the first that is free
		_, gone := os.Lstat(fmt.Sprintf("/proc/%d/fd/%d", pid, most+1))
		used = gone == nil
	}
	if err == nil {
		err = unix.Prlimit(pid, unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: most, Max: old.Max}, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	return old.Cur
}

// withPort adds a forwarded port, and a card for it, to a document of
// standInDocument's.
func withPort(t *testing.T, document string) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	address = l.Addr().String()
	_, port, _ := net.SplitHostPort(address)
	text, err := os.ReadFile(document)
	if err == nil {
		changed := strings.Replace(string(text), `{"id"`, `{"forwardPorts": [{"host": {"port": `+port+`}, "guest": {"port": 22}}], "id"`, 1)
		changed = strings.Replace(changed, `"virtio-serial,stdio"`, `"virtio-serial,stdio", "--device", "virtio-net,nat"`, 1)
		err = os.WriteFile(document, []byte(changed), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return address
}

// TestNoDescriptors has a VM's process run out of descriptors for a moment: then
// its ports and attach work again.
func TestNoDescriptors(t *testing.T) {
	document, env := standInDocument(t)
	address := withPort(t, document)
	vm, status, said := detach(t, document, env, "--vmm", "vfkit")
	if status != 0 {
		t.Fatalf("status %d, %q", status, said)
	}
	t.Cleanup(func() { vm.stop(t, env) })
	before := limitFiles(t, vm.PID, 0)
	for network, to := range map[string]string{"tcp": address, "unix": vm.Sockets["console"]} {
		conn, err := net.Dial(network, to)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
	}
	time.Sleep(200 * time.Millisecond) // in which it has tried to accept them
	limitFiles(t, vm.PID, before)

	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	// The stand-in's guest has no network: that it cannot be reached is the answer.
	if _, err := io.ReadAll(conn); err != nil {
		t.Errorf("nobody accepts at the forwarded port: %v", err)
	}
	s := onScreen(t, document, env, filepath.Join(bin, "nixvf-boot"), "attach", vm.ID)
	s.pressUntil("x")
	s.press("\x1dd")
	s.end(0)
}

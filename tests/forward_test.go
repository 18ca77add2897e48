//go:build linux

package tests

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

const mib = 1 << 20

// peerDocument evaluates the guest with a share that holds the program peer,
// and returns its launch document, to be changed.
func peerDocument(tr *trial) map[string]any {
	tr.t.Helper()
	share := filepath.Join(tr.dir, "share")
	if err := os.Mkdir(share, 0o700); err != nil {
		tr.t.Fatal(err)
	}
	build := exec.Command("go", "build", "-o", share+"/", "./guest/peer")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		tr.t.Fatalf("building peer: %v\n%s", err, out)
	}
	tr.env = append(tr.env, "SHARED_DIR="+share)
	data, err := os.ReadFile(guestDocument(tr))
	doc := map[string]any{}
	if err == nil {
		err = json.Unmarshal(data, &doc)
	}
	if err != nil {
		tr.t.Fatal(err)
	}
	return doc
}

// bootPeer boots a document with a peer that serves the guest's port 7000.
func bootPeer(tr *trial, doc map[string]any, args ...string) *screen {
	tr.t.Helper()
	data, err := json.Marshal(doc)
	if err != nil {
		tr.t.Fatal(err)
	}
	tr.write("launch.json", string(data))
	s := onScreen(tr.t, filepath.Join(tr.dir, "launch.json"), tr.env, filepath.Join(bin, "nixvf-boot"), args...)
	s.expect("nixvf-guest# ")
	s.press("until [ -s /run/lease ]; do usleep 100000; done; /tmp/shared/peer serve 7000 &\r")
	s.expect("peer serves\r\n")
	return s
}

// rule is an element of forwardPorts between addresses.
func rule(t *testing.T, from, proto, host, guest string) map[string]any {
	end := func(s string) map[string]any {
		a, err := net.ResolveTCPAddr("tcp", s)
		if err != nil {
			t.Fatal(err)
		}
		address := ""
		if a.IP != nil {
			address = a.IP.String()
		}
		return map[string]any{"address": address, "port": a.Port}
	}
	return map[string]any{"from": from, "proto": proto, "host": end(host), "guest": end(guest)}
}

// freePort returns a TCP address on the loopback interface that nobody uses.
func freePort(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// greeter is a server of the host on address that says hello-from-host.
func greeter(t *testing.T, address string) string {
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = io.WriteString(conn, "hello-from-host\n")
			conn.Close()
		}
	}()
	return l.Addr().String()
}

// outside is an address of this host that is not on the loopback interface.
func outside(t *testing.T) string {
	list, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range list {
		if ip, ok := a.(*net.IPNet); ok && !ip.IP.IsLoopback() && ip.IP.To4() != nil {
			return ip.IP.String()
		}
	}
	t.Fatal("this host has no address but loopback")
	return ""
}

// upload sends size bytes to a peer and checks that they arrived.
func upload(t *testing.T, address string, size int64) time.Duration {
	t.Helper()
	data := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(data)
	want := sha256.Sum256(data)
	start := time.Now()
	conn := dialPeer(t, address, 0)
	defer conn.Close()
	if _, err := conn.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(conn)
	if err != nil || !bytes.Equal(got, want[:]) {
		t.Fatalf("uploading %d bytes: the peer's hash is %x, not %x: %v", size, got, want, err)
	}
	return time.Since(start)
}

// download receives size bytes from a peer and checks that they are right.
func download(t *testing.T, address string, size int64) time.Duration {
	t.Helper()
	want := sha256.New()
	_, _ = io.Copy(want, io.LimitReader(rand.NewChaCha8([32]byte{}), size))
	start := time.Now()
	conn := dialPeer(t, address, uint64(size))
	defer conn.Close()
	got := sha256.New()
	if n, err := io.Copy(got, conn); err != nil || n != size || !bytes.Equal(got.Sum(nil), want.Sum(nil)) {
		t.Fatalf("downloading %d bytes: %d came, whole and right: %v: %v", size, n, bytes.Equal(got.Sum(nil), want.Sum(nil)), err)
	}
	return time.Since(start)
}

func dialPeer(t *testing.T, address string, count uint64) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err == nil {
		err = conn.SetDeadline(time.Now().Add(2 * time.Minute))
	}
	if err == nil {
		err = binary.Write(conn, binary.BigEndian, count)
	}
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

// bothWays moves 100 MiB each way and logs how fast that was.
func bothWays(t *testing.T, what, address string) {
	t.Helper()
	const size = 100 * mib
	rate := func(d time.Duration) float64 { return size / mib / d.Seconds() }
	up, down := upload(t, address, size), download(t, address, size)
	t.Logf("%s: %.1f MiB/s to the guest, %.1f MiB/s from it", what, rate(up), rate(down))
}

// datagrams sends many datagrams to an echo and wants every one back.
func datagrams(t *testing.T, address string, count int) {
	t.Helper()
	conn, err := net.Dial("udp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	buf := make([]byte, 2048)
	for i := range count {
		want := fmt.Sprintf("datagram %d %s", i, strings.Repeat("x", i%1400))
		if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Write([]byte(want)); err != nil {
			t.Fatal(err)
		}
		n, err := conn.Read(buf)
		if err != nil || string(buf[:n]) != want {
			t.Fatalf("datagram %d: %d bytes came back for %d: %v", i, n, len(want), err)
		}
	}
}

// vfkitDocument writes a document for the stand-in with a card and forwarded
// ports, and returns its path and the environment to run it in.
func vfkitDocument(t *testing.T, rules ...any) (document string, env []string) {
	t.Helper()
	document, env = standInDocument(t)
	data, err := os.ReadFile(document)
	doc := map[string]any{}
	if err == nil {
		err = json.Unmarshal(data, &doc)
	}
	doc["forwardPorts"] = rules
	doc["argv"] = append(doc["argv"].([]any), "--device", "virtio-net,nat,mac=52:54:00:00:00:01")
	if err == nil {
		data, err = json.Marshal(doc)
	}
	if err == nil {
		err = os.WriteFile(document, data, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return document, append(env, "VZ_LOG="+filepath.Join(filepath.Dir(document), "vfkit.log"))
}

// TestForwardVfkit forwards a port to the guest of the stand-in, whose card is
// on a socket.
func TestForwardVfkit(t *testing.T) {
	port := freePort(t)
	document, env := vfkitDocument(t, rule(t, "host", "udp", port, ":7000"))
	s := onScreen(t, document, env, filepath.Join(bin, "nixvf-boot"), "--vmm", "vfkit")
	s.expect("stand-in guest is up\r\n")
	datagrams(t, port, 1000)
	log, err := os.ReadFile(filepath.Join(filepath.Dir(document), "vfkit.log"))
	if err != nil {
		t.Fatal(err)
	}
	card := regexp.MustCompile(`(?m)^virtio-net,unixSocketPath=/.*/net-0\.sock,mac=52:54:00:00:00:01$`)
	if !card.Match(log) || bytes.Contains(log, []byte("nat")) {
		t.Errorf("the card is not on a socket: %s", log)
	}
	s.press("\x1d.")
	s.end(0)
}

// TestForwardArgs forwards what nixvf-args was told to, beside the document. Without
// an address a port is on the loopback interface alone.
func TestForwardArgs(t *testing.T) {
	tr := newTrial(t)
	tr.write("kernel", "")
	tr.write("initrd", "")
	tr.write("boot.json", `{"kernel": "@/kernel", "initrd": "@/initrd", "init": "/init", "kernel-params": [],
		"name": "vm", "virtualisation": {"diskImage": null, "sharedDirectories": {}}}`)
	port := func() string {
		_, port, _ := net.SplitHostPort(freePort(t))
		return port
	}
	flag, opts, anywhere, tcp := port(), port(), port(), port()
	cmd, out := tr.start("QEMU_NET_OPTS=hostfwd=udp::" + opts + "-:7000,hostfwd=tcp::" + tcp + "-10.0.2.15:22 nixvf-args --forward " +
		flag + ":7000/udp --forward 0.0.0.0:" + anywhere + ":7000/udp <boot.json >launch.json")
	if err := await(cmd); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	vm, said := inBackground(t, filepath.Join(tr.dir, "launch.json"), tr.env, "--vmm", "vfkit")
	said.expect(t, "stand-in guest is up\r\n")
	host := outside(t)
	for _, address := range []string{"127.0.0.1:" + flag, "127.0.0.1:" + opts, "127.0.0.1:" + anywhere, host + ":" + anywhere} {
		datagrams(t, address, 10)
	}
	for _, address := range []string{host + ":" + flag, host + ":" + opts} {
		expectRefused(t, "udp", address)
	}
	conn, err := net.Dial("tcp", "127.0.0.1:"+tcp)
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	expectRefused(t, "tcp", host+":"+tcp)
	if err := vm.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := await(vm); err != nil {
		t.Error(err)
	}
}

// expectRefused checks that nobody is at an address of this host, which for
// datagrams its kernel says after the first one.
func expectRefused(t *testing.T, proto, address string) {
	t.Helper()
	conn, err := net.Dial(proto, address)
	if err == nil {
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(10 * time.Second)) // a connection of the kernel's
		_, _ = conn.Write([]byte("is anybody there?"))
		_, err = conn.Read(make([]byte, 64))
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("%s %s is not refused: %v", proto, address, err)
	}
}

// TestForwardTaken checks that every port that is taken is reported, and that
// nothing starts.
func TestForwardTaken(t *testing.T) {
	taken := greeter(t, "127.0.0.1:0")
	packets, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer packets.Close()
	udp := packets.LocalAddr().String()
	document, env := vfkitDocument(t, rule(t, "host", "tcp", taken, ":22"), rule(t, "host", "udp", udp, ":53"))
	s := onScreen(t, document, env, filepath.Join(bin, "nixvf-boot"), "--vmm", "vfkit")
	s.expect("nixvf-boot: forwardPorts: listen tcp " + taken + ": bind: address already in use\r\n")
	s.expect("nixvf-boot: forwardPorts: listen udp " + udp + ": bind: address already in use\r\n")
	s.end(1)
	if _, err := os.Stat(filepath.Join(filepath.Dir(document), "vfkit.log")); err == nil {
		t.Error("the VM started all the same")
	}
}

func TestForward(t *testing.T) {
	needGuest(t)
	tr := newTrial(t)
	doc := peerDocument(tr)
	port := freePort(t)
	doc["forwardPorts"] = []any{
		rule(t, "host", "tcp", port, "10.0.2.15:7000"),
		rule(t, "host", "udp", port, ":7000"),
		rule(t, "guest", "tcp", greeter(t, "127.0.0.1:0"), "10.0.2.100:80"),
	}
	s := bootPeer(tr, doc)
	bothWays(t, "forwarded by nixvf-boot", port)
	datagrams(t, port, 1000)
	for _, address := range []string{"10.0.2.100:80", greeter(t, outside(t)+":0")} {
		s.press("/tmp/shared/peer connect " + address + "\r")
		s.expect("peer met hello-from-host\r\n")
	}
	s.press("poweroff\r")
	s.end(0)
}

func TestForwardRestricted(t *testing.T) {
	needGuest(t)
	tr := newTrial(t)
	doc := peerDocument(tr)
	port := freePort(t)
	doc["restrictNetwork"] = true
	doc["forwardPorts"] = []any{
		rule(t, "host", "tcp", port, ":7000"),
		rule(t, "host", "udp", port, ":7000"),
		rule(t, "guest", "tcp", greeter(t, "127.0.0.1:0"), "10.0.2.100:80"),
	}
	s := bootPeer(tr, doc)
	upload(t, port, mib)
	datagrams(t, port, 10)
	s.press("/tmp/shared/peer connect 10.0.2.100:80\r")
	s.expect("peer met hello-from-host\r\n")
	s.press("/tmp/shared/peer connect " + greeter(t, outside(t)+":0") + "\r")
	s.expect("connect: connection refused\r\n")
	s.press("nslookup localhost 10.0.2.2; echo resolved=$?\r")
	s.expect("resolved=1\r\n")
	s.press("poweroff\r")
	s.end(0)
}

// TestHostLoopbackOfGuest tries to reach what listens on the host's loopback
// interface, with nothing forwarded.
func TestHostLoopbackOfGuest(t *testing.T) {
	needGuest(t)
	tr := newTrial(t)
	doc := peerDocument(tr)
	_, port, _ := net.SplitHostPort(greeter(t, "127.0.0.1:0"))
	for _, open := range []bool{false, true} {
		doc["hostLoopback"] = open
		s := bootPeer(tr, doc)
		s.press("/tmp/shared/peer connect 10.0.2.2:" + port + "\r")
		if open {
			s.expect("peer met hello-from-host\r\n")
		} else {
			s.expect("connect: connection refused\r\n")
		}
		s.press("/tmp/shared/peer connect " + greeter(t, outside(t)+":0") + "\r")
		s.expect("peer met hello-from-host\r\n")
		s.press("poweroff\r")
		s.end(0)
	}
}

// TestForwardBesideQEMU measures QEMU's own user network as a yardstick.
func TestForwardBesideQEMU(t *testing.T) {
	needGuest(t)
	if os.Getenv("NIXVF_FULL") == "" {
		t.Skip("a measurement: tests/run --full does that")
	}
	tr := newTrial(t)
	doc := peerDocument(tr)
	port := freePort(t)
	qemu := filepath.Join(tr.dir, "qemu")
	script := `#!/bin/bash
args=("$@")
for i in "${!args[@]}"; do
  [[ ${args[i]} != socket,id=net0,fd=* ]] || args[i]=user,id=net0,hostfwd=tcp:` + port + `-:7000
done
exec qemu-system-x86_64 "${args[@]}"
`
	if err := os.WriteFile(qemu, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	s := bootPeer(tr, doc, "--qemu", qemu)
	bothWays(t, "forwarded by QEMU", port)
	s.press("poweroff\r")
	s.end(0)
}

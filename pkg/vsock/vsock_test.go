package vsock

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"testing"
)

// connect serves dial on a socket and connects to it.
func connect(t *testing.T, dial func() (Conn, error)) *net.UnixConn {
	t.Helper()
	path := filepath.Join(t.TempDir(), "vsock.sock")
	listener, err := Serve(path, dial)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	conn, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// TestServe sends more than any buffer holds to a guest that answers only when
// it has heard the end.
func TestServe(t *testing.T) {
	server, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	go func() {
		conn, err := server.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		data, _ := io.ReadAll(conn)
		_, _ = conn.Write(data)
	}()
	conn := connect(t, func() (Conn, error) {
		c, err := net.Dial("tcp", server.Addr().String())
		if err != nil {
			return nil, err
		}
		return c.(*net.TCPConn), nil
	})
	sent := bytes.Repeat([]byte("vsock"), 1<<20)
	if _, err := conn.Write(sent); err != nil {
		t.Fatal(err)
	}
	if err := conn.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(conn); err != nil || !bytes.Equal(got, sent) {
		t.Errorf("%d bytes come back of %d: %v", len(got), len(sent), err)
	}
}

// TestServeNobody ends a connection to a guest that does not listen.
func TestServeNobody(t *testing.T) {
	conn := connect(t, func() (Conn, error) { return nil, errors.New("connection refused") })
	if got, err := io.ReadAll(conn); err != nil || len(got) > 0 {
		t.Errorf("%q, %v", got, err)
	}
}

func TestServeTaken(t *testing.T) {
	path := filepath.Join(t.TempDir(), "taken")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Serve(path, nil); err == nil {
		t.Error("a socket where a file is")
	}
}

func TestCID(t *testing.T) {
	if a := CID("a"); a == CID("b") || a != CID("a") {
		t.Error("a VM's number is not its own")
	}
	for _, id := range []string{"", "a", "darwinVM-12345678"} {
		if n := CID(id); n < 3 || n >= 1<<31 {
			t.Errorf("%q: %d", id, n)
		}
	}
}

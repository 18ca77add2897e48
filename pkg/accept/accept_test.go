package accept

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// failing is a listener that has no descriptors left for a while.
type failing struct {
	net.Listener
	times int
}

func (f *failing) Accept() (net.Conn, error) {
	if f.times > 0 {
		f.times--
		return nil, &net.OpError{Op: "accept", Err: os.NewSyscallError("accept4", syscall.EMFILE)}
	}
	return f.Listener.Accept()
}

func TestAll(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	var errs []error
	got, done := make(chan string, 1), make(chan struct{})
	go func() {
		defer close(done)
		All((&failing{listener, 4}).Accept, func(conn net.Conn) {
			go func() {
				var word string
				fmt.Fscan(conn, &word)
				got <- word
			}()
		}, func(err error) { errs = append(errs, err) })
	}()
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintln(conn, "heard")
	if word := <-got; word != "heard" {
		t.Errorf("got %q", word)
	}
	listener.Close()
	<-done
	if len(errs) != 1 {
		t.Errorf("%d messages about one lack: %v", len(errs), errs)
	}
}

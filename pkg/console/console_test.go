package console

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"
)

// TestPtyIsTransparent sends every byte through the console both ways.
func TestPtyIsTransparent(t *testing.T) {
	p, err := NewPty()
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	var all []byte
	for b := range 256 {
		all = append(all, byte(b))
	}
	for _, way := range []struct{ from, to *os.File }{{p.master, p.slave}, {p.slave, p.master}} {
		if _, err := way.from.Write(all); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, 0, len(all))
		for len(got) < len(all) {
			buf := make([]byte, len(all))
			n, err := way.to.Read(buf)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, buf[:n]...)
		}
		if !bytes.Equal(got, all) {
			t.Errorf("%q came through as %q", all, got)
		}
	}
}

// TestOutputOfAClosedReader keeps the guest running when nobody reads.
func TestOutputOfAClosedReader(t *testing.T) {
	p, err := NewPty()
	if err != nil {
		t.Fatal(err)
	}
	vmm, err := os.OpenFile(p.slave.Name(), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	failures := 0
	drained := make(chan struct{})
	go func() {
		var s Spread
		s.Add(failing{}, func(error) { failures++ })
		p.Output(&s)
		close(drained)
	}()
	if _, err := vmm.WriteString(strings.Repeat("x", 200_000)); err != nil {
		t.Fatal(err)
	}
	vmm.Close()
	p.Ended()
	select {
	case <-drained:
	case <-time.After(10 * time.Second):
		t.Fatal("output does not end with the VMM")
	}
	if failures != 1 {
		t.Errorf("%d failures were reported, not 1", failures)
	}
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errors.New("no") }

func TestFind(t *testing.T) {
	file, err := os.Create(t.TempDir() + "/file")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if Find(file) != nil {
		t.Error("a file is taken for a terminal")
	}
	master, slave, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer master.Close()
	defer slave.Close()
	readOnly, err := os.Open(slave.Name())
	if err != nil {
		t.Fatal(err)
	}
	defer readOnly.Close()
	if Find(readOnly) != nil {
		t.Error("a terminal that cannot be written to is taken")
	}
}

// TestNilTerminal allows what callers do without a terminal.
func TestNilTerminal(t *testing.T) {
	var none *Terminal
	none.Restore()
	said := false
	none.Beside(func() { said = true })
	if !said {
		t.Error("Beside says nothing without a terminal")
	}
}

package console

import (
	"bytes"
	"io"
	"os"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

// pieces are keys that come one after another, some with a pause before them.
type pieces []string

const pause = "pause"

func (p *pieces) Read(b []byte) (int, error) {
	if len(*p) > 0 && (*p)[0] == pause {
		*p = (*p)[1:]
	}
	if len(*p) == 0 {
		return 0, io.EOF
	}
	n := copy(b, (*p)[0])
	*p = (*p)[1:]
	return n, nil
}

func (p *pieces) More(time.Duration) bool { return len(*p) == 0 || (*p)[0] != pause }

func TestInputWithReports(t *testing.T) {
	const report = "\x1b[24;80R"
	tests := []struct {
		name     string
		attended bool
		keys     pieces
		want     string
	}{
		{"keys", false, pieces{"ls\r"}, "ls\r"},
		{"a report", false, pieces{report}, ""},
		{"a report in pieces", false, pieces{report[:1], report[1:4], report[4:]}, ""},
		{"before and after a key", false, pieces{report, "l", report, "s"}, "l" + report + "s"},
		{"after login", true, pieces{report}, report},
		{"escape", false, pieces{"\x1b", pause, "[A", report}, "\x1b[A" + report},
		{"a report that breaks off", false, pieces{report, report[:5], pause, "x"}, report[:5] + "x"},
		{"an escape sequence", false, pieces{report + "\x1d.", report}, report},
	}
	for _, tt := range tests {
		p := &Pty{input: newBacklog()}
		p.attended.Store(tt.attended)
		if err := p.Input(&tt.keys, func(Command) {}); err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		if got := string(p.input.waiting); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

// TestBacklog: an answer never waits, keys do when there are very many, and a
// file always does.
func TestBacklog(t *testing.T) {
	b := newBacklog()
	if err := b.put(bytes.Repeat([]byte("k"), roomForKeys-1), roomForKeys); err != nil {
		t.Fatal(err)
	}
	b.offer([]byte("answer"))
	b.offer([]byte("too many"))
	ended := make(chan error, 2)
	for _, room := range []int{roomForKeys, roomForFiles} {
		go func() { ended <- b.put([]byte("later"), room) }()
	}
	select {
	case <-ended:
		t.Fatal("input that has no room does not wait")
	case <-time.After(50 * time.Millisecond):
	}
	r, w := io.Pipe()
	go b.pass(w)
	got := make([]byte, roomForKeys-1+len("answer")+2*len("later"))
	if _, err := io.ReadFull(r, got); err != nil {
		t.Fatal(err)
	}
	if !bytes.HasSuffix(got, []byte("kanswerlaterlater")) {
		t.Errorf("in the end came %q", got[len(got)-20:])
	}
	for range 2 {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	r.Close() // then nothing is taken any more
	for b.put([]byte("x"), roomForFiles) == nil {
	}
}

// TestRestoreFlushes keeps what was typed for the guest from the shell.
func TestRestoreFlushes(t *testing.T) {
	master, slave, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer master.Close()
	defer slave.Close()
	terminal := Find(slave)
	if err := terminal.Raw(); err != nil {
		t.Fatal(err)
	}
	keys := terminal.Keys()
	if keys.More(0) {
		t.Error("there are keys already")
	}
	if _, err := master.WriteString("rm -r important\r"); err != nil {
		t.Fatal(err)
	}
	if !keys.More(10 * time.Second) {
		t.Fatal("the keys do not come")
	}
	terminal.Restore()
	if n, err := unix.IoctlGetInt(int(slave.Fd()), getUnread); err != nil || n != 0 {
		t.Errorf("%d bytes are left (%v)", n, err)
	}
	if n, err := keys.Read(make([]byte, 10)); n != 0 || err != io.EOF || !keys.More(0) {
		t.Errorf("reading goes on: %d, %v", n, err)
	}
}

// TestOutlet is opened by one who sees what comes from then on, and whose keys
// are read.
func TestOutlet(t *testing.T) {
	o, err := NewOutlet()
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	for range 1000 {
		if _, err := o.Write(bytes.Repeat([]byte("x"), 4096)); err != nil {
			t.Fatal(err)
		}
	}
	if took := time.Since(start); took > stale {
		t.Errorf("4 MB that nobody reads took %v", took)
	}
	time.Sleep(3 * stale)
	visitor, err := os.OpenFile(o.Name(), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := o.Write([]byte("new")); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 100)
	if n, err := visitor.Read(got); err != nil || string(got[:n]) != "new" {
		t.Errorf("%q, %v", got[:n], err)
	}
	if _, err := visitor.WriteString("keys\r"); err != nil {
		t.Fatal(err)
	}
	if n, err := o.Read(got); err != nil || string(got[:n]) != "keys\r" {
		t.Errorf("%q, %v", got[:n], err)
	}
	if o.More(0) {
		t.Error("there are more keys")
	}
	ended := make(chan error)
	go func() {
		_, err := o.Read(got)
		ended <- err
	}()
	o.Close()
	if err := <-ended; err != io.EOF {
		t.Errorf("at the end: %v", err)
	}
	if n, err := visitor.Read(got); n != 0 || err == nil {
		t.Errorf("the visitor reads %q, %v", got[:n], err)
	}
}

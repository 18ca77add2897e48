package instance

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nixvf/nixvf/pkg/bootdoc"
	"github.com/nixvf/nixvf/pkg/lock"
	"github.com/nixvf/nixvf/pkg/place"
)

// host returns a host with VMs that have a directory, and a function that returns
// the place of one.
func host(t testing.TB, ids ...string) (place.Host, func(id string) place.VM) {
	t.Helper()
	dir := t.TempDir()
	h := place.Host{Dir: dir, Lookup: func(name string) (string, bool) { return dir, name == "XDG_STATE_HOME" }}
	for _, id := range ids {
		if err := os.MkdirAll(filepath.Join(dir, "nixvf", id), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return h, func(id string) place.VM {
		vm, err := h.VM(id, "", "")
		if err != nil {
			t.Fatal(err)
		}
		return vm
	}
}

func write(t testing.TB, r Record, vm place.VM) {
	t.Helper()
	if err := r.Write(vm); err != nil {
		t.Fatal(err)
	}
}

// TestFind: an id, its beginning and a configuration's name, and that an id goes
// before what begins with it.
func TestFind(t *testing.T) {
	h, at := host(t, "web-1", "web-12", "db-1", ".disks")
	write(t, Record{Name: "database"}, at("db-1"))
	write(t, Record{Name: "web"}, at("web-1"))
	write(t, Record{Name: "web"}, at("web-12"))
	for word, want := range map[string]string{
		"web-1": "web-1", "web-12": "web-12", "d": "db-1", "database": "db-1",
		"web": "", "web-": "", "x": "", ".disks": "", "": "",
	} {
		vm, err := Find(h, word)
		if vm.ID != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v", word, vm.ID, err)
		}
	}
}

// TestStates: what the lock says goes before the record.
func TestStates(t *testing.T) {
	h, at := host(t, "vm-1")
	vm := at("vm-1")
	state := func(want State) {
		t.Helper()
		got, err := Find(h, "vm-1")
		if err != nil || got.State != want || (got.PID == os.Getpid()) != (want == Starting || want == Running || want == Background) {
			t.Errorf("%s as %d, want %s (%v)", got.State, got.PID, want, err)
		}
	}
	state(Stopped)
	self, err := lock.Self()
	if err != nil {
		t.Fatal(err)
	}
	write(t, Record{Process: "1-1", Started: time.Now(), Background: true}, vm)
	state(Stopped)
	l, err := lock.Take(vm.Lock())
	if err != nil {
		t.Fatal(err)
	}
	state(Starting) // the record is an earlier run's
	write(t, Record{Process: self}, vm)
	state(Starting)
	write(t, Record{Process: self, Started: time.Now(), Background: true}, vm)
	state(Background)
	write(t, Record{Process: self, Started: time.Now()}, vm)
	state(Running)
	if _, err := fmt.Fprint(l, "garbage"); err != nil {
		t.Fatal(err)
	}
	if err := l.Truncate(0); err != nil {
		t.Fatal(err)
	}
	state(Orphaned)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	state(Stopped)
	if err := os.WriteFile(filepath.Join(vm.Dir, file), []byte(`{"name": 1`), 0o600); err != nil {
		t.Fatal(err)
	}
	state(Stopped)
}

// TestOverwrite: on a full disk the record goes into the place of the last one,
// be that longer or shorter.
func TestOverwrite(t *testing.T) {
	_, at := host(t, "vm-1")
	vm := at("vm-1")
	write(t, Record{Name: "a long name"}, vm)
	for _, text := range []string{`{"name": "b"}`, `{"name": "` + strings.Repeat("c", 1000) + `"}`} {
		if err := overwrite(filepath.Join(vm.Dir, file), []byte(text)); err != nil {
			t.Fatal(err)
		}
		if got := read(vm).Name; got == "" || !strings.Contains(text, `"`+got+`"`) {
			t.Errorf("%s is read as %q", text, got)
		}
	}
}

// TestText: what is known is in its column, and what is not is "-".
func TestText(t *testing.T) {
	if got := Text(nil); len(got) > 0 {
		t.Errorf("of none: %q", got)
	}
	started := time.Date(2026, 11, 26, 21, 0, 0, 0, time.Local)
	forward := func(from, proto, address string) bootdoc.ForwardPort {
		return bootdoc.ForwardPort{From: from, Proto: proto, Host: bootdoc.Address{Address: address, Port: 1}, Guest: bootdoc.Address{Port: 2}}
	}
	lines := strings.Split(string(Text([]VM{
		{ID: "a", State: Background, PID: 7, DiskSize: 20 << 30, Record: Record{
			VMM: "qemu", MemorySize: 1536, Cores: 2, Started: started, System: "x86_64-linux",
			ForwardPorts: []bootdoc.ForwardPort{forward("host", "tcp", ""), forward("host", "udp", "::1"), forward("guest", "tcp", "")},
		}},
		{ID: "b", State: Stopped, Record: Record{Started: started, Ended: &End{Time: started.Add(time.Hour)}}},
		{ID: "c", State: Stopped},
	})), "\n")
	for i, want := range []string{
		"ID STATE PID SINCE VMM MEMORY CPUS DISK SYSTEM FORWARDS",
		"a background 7 2026-11-26 21:00:00 qemu 1.5G 2 0 of 20G x86_64-linux 1:2 [::1]:1:2/udp",
		"b stopped - 2026-11-26 22:00:00 - - - - - -",
		"c stopped - - - - - - - -",
	} {
		if got := strings.Join(strings.Fields(lines[i]), " "); got != want {
			t.Errorf("line %d: %q, want %q", i, got, want)
		}
	}
}

// TestPlain: what a terminal would obey is left out, wherever it is cut.
func TestPlain(t *testing.T) {
	const raw = "\x1b[31mred\x1b[0m\r\n\x1b]0;title\x07one\ttwo\r\nover\rlast \x9b5n\x1b[6n"
	for size := 1; size <= len(raw); size++ {
		var b bytes.Buffer
		p := &Plain{W: &b}
		for rest := raw; rest != ""; {
			n := min(size, len(rest))
			if _, err := p.Write([]byte(rest[:n])); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		if err := p.Flush(); err != nil {
			t.Fatal(err)
		}
		if got := b.String(); got != "red\none two\nlast 5n" {
			t.Fatalf("in pieces of %d: %q", size, got)
		}
	}
}

// TestFollow: what is added comes, also after the file was emptied, and the end
// of the VM ends it.
func TestFollow(t *testing.T) {
	h, at := host(t, "vm-1")
	place := at("vm-1")
	l, err := lock.Take(place.Lock())
	if err != nil {
		t.Fatal(err)
	}
	log := place.Log("console")
	self, err := lock.Self()
	if err != nil {
		t.Fatal(err)
	}
	write(t, Record{Process: self, Console: log}, place)
	add := func(text string) {
		t.Helper()
		f, err := os.OpenFile(log, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if _, err := f.WriteString(text); err != nil {
			t.Fatal(err)
		}
	}
	add("one ")
	vm, err := Find(h, "vm-1")
	if err != nil {
		t.Fatal(err)
	}
	f, err := vm.OpenLog("console")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	seen, done := make(chan string, 16), make(chan error)
	go func() { done <- vm.Follow(context.Background(), channel(seen), f) }()
	expect := func(want string) {
		t.Helper()
		select {
		case got := <-seen:
			if got != want {
				t.Errorf("%q came, not %q", got, want)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("%q does not come", want)
		}
	}
	expect("one ")
	add("two ")
	expect("two ")
	if err := os.Truncate(log, 0); err != nil {
		t.Fatal(err)
	}
	add("new")
	expect("new")
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// channel is a writer to a channel.
type channel chan<- string

func (c channel) Write(p []byte) (int, error) {
	c <- string(p)
	return len(p), nil
}

// BenchmarkList lists 500 VMs, which have a record each; beside it, what it takes
// to read as many files.
func BenchmarkList(b *testing.B) {
	ids := make([]string, 500)
	for i := range ids {
		ids[i] = fmt.Sprintf("vm-%d", i)
	}
	h, at := host(b, ids...)
	for _, id := range ids {
		write(b, Record{Name: "vm", VMM: "qemu"}, at(id))
	}
	b.Run("list", func(b *testing.B) {
		for b.Loop() {
			if vms, err := List(h); err != nil || len(vms) != len(ids) {
				b.Fatal(len(vms), err)
			}
		}
	})
	b.Run("read", func(b *testing.B) {
		for b.Loop() {
			for _, id := range ids {
				if _, err := os.ReadFile(filepath.Join(at(id).Dir, file)); err != nil {
					b.Fatal(err)
				}
			}
		}
	})
}

//go:build linux

package tests

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// smallDisk puts a directory on a file system of its own, of some MiB, and
// returns what makes it larger.
func smallDisk(t *testing.T, dir string, mib int) (grow func(mib int)) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%dm", mib)); err != nil {
		t.Skipf("a file system that can be full needs root: %v", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	return func(mib int) {
		t.Helper()
		if err := unix.Mount("tmpfs", dir, "tmpfs", unix.MS_REMOUNT, fmt.Sprintf("size=%dm", mib)); err != nil {
			t.Fatal(err)
		}
	}
}

const (
	paused = ": its file system is full: the guest is paused, and goes on when there is room"
	goesOn = "nixvf-boot: the guest goes on"
)

// TestFullDisk fills the host's disk under a guest that writes: it is paused, and
// goes on when there is room. Without room, a request to stop ends it soon.
func TestFullDisk(t *testing.T) {
	needGuest(t)
	tr := newTrial(t)
	grow := smallDisk(t, filepath.Join(tr.dir, "state"), 64)
	s := onScreen(t, guestDocument(tr), tr.env, filepath.Join(bin, "nixvf-boot"), "--stop-timeout", "3s")
	s.expect("nixvf-guest# ")
	s.press("dd if=/dev/zero of=/root/big bs=1M count=100 2>/dev/null; sync; echo wrote=$?\r")
	s.expect("nixvf-boot: warning: disk " + filepath.Join(tr.dir, "state"))
	s.expect(paused)
	grow(200)
	s.expectBoth(goesOn, "wrote=0\r\n") // it runs for a while before that is said
	s.press("dd if=/dev/zero of=/root/more bs=1M count=200 2>/dev/null; sync\r")
	s.expect(paused)
	start := time.Now()
	s.press("\x1d.")
	s.expect("the guest is paused and cannot shut down: it will be forced in 3s, unless its disk gets room")
	s.expect("the guest did not stop within 3s: ending qemu by force")
	s.end(124)
	if d := time.Since(start); d > 30*time.Second {
		t.Errorf("it took %v to end", d)
	}
}

// TestFullDiskVfkit: the framework only says that the VM is paused. A pause while
// there is room is somebody's own.
func TestFullDiskVfkit(t *testing.T) {
	document, env := standInDocument(t)
	dir := filepath.Dir(document)
	grow := smallDisk(t, filepath.Join(dir, "disks"), 64)
	text := strings.ReplaceAll(read(t, document), dir+"/disk.raw", dir+"/disks/disk.raw")
	if err := os.WriteFile(document, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s := onScreen(t, document, env, filepath.Join(bin, "nixvf-boot"), "--vmm", "vfkit")
	s.expect("stand-in guest is up\r\n")
	pause := func() { setState(t, filepath.Join(dir, "state/nixvf/vm-1/run/rest.sock"), "Pause") }
	fill(t, filepath.Join(dir, "disks/other"))
	pause()
	s.expect("nixvf-boot: warning: disk " + dir + "/disks/disk.raw" + paused)
	grow(200)
	s.expect(goesOn)
	pause()
	time.Sleep(6 * time.Second) // in which it has been looked at
	if strings.Contains(s.text(), paused) {
		t.Errorf("a pause with room on the disk is taken for a full disk:\n%s", s.text())
	}
	s.press("\x1d.")
	s.expect("asked to Stop\r\n")
	s.end(0)
}

// fill takes what room there is for a new file.
func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for block := make([]byte, 1<<20); err == nil; {
		_, err = f.Write(block)
	}
	if !errors.Is(err, unix.ENOSPC) {
		t.Fatal(err)
	}
}

// setState has vfkit change its VM's state.
func setState(t *testing.T, socket, state string) {
	t.Helper()
	client := http.Client{Transport: &http.Transport{Dial: func(string, string) (net.Conn, error) { return net.Dial("unix", socket) }}}
	defer client.CloseIdleConnections()
	answer, err := client.Post("http://vfkit/vm/state", "application/json", strings.NewReader(`{"state": "`+state+`"}`))
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode/100 != 2 {
		t.Fatalf("%s: %s", state, answer.Status)
	}
}

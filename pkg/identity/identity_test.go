package identity

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"
)

func TestAlive(t *testing.T) {
	cmd := exec.Command("sh", "-c", "read line; exec sleep 1000")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	child, err := Of(cmd.Process.Pid)
	if err != nil || !child.Alive() {
		t.Fatalf("%v, %v: not alive", child, err)
	}
	if self, err := Of(os.Getpid()); err != nil || self == child {
		t.Errorf("%v, %v: no other process than %v", self, err, child)
	}
	if other := (Process{child.PID, child.Start + "1"}); other.Alive() {
		t.Errorf("%v is alive: it only has the id of %v", other, child)
	}
	stdin.Close() // from here on it is another program
	if !child.Alive() {
		t.Error("executing another program ends the process")
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	for try := 0; child.Alive() && try < 1000; try++ { // nobody has waited for it
		time.Sleep(10 * time.Millisecond)
	}
	if child.Alive() {
		t.Error("alive after it was killed")
	}
	_ = cmd.Wait()
	if _, err := Of(child.PID); !errors.Is(err, fs.ErrNotExist) || !errors.Is(syscall.Kill(child.PID, 0), syscall.ESRCH) {
		t.Errorf("after its end: %v", err)
	}
}

func TestParse(t *testing.T) {
	self, err := Of(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if read, err := Parse(self.String()); err != nil || read != self {
		t.Errorf("%v becomes %v, %v", self, read, err)
	}
	for _, word := range []string{"", "1", "1-", "-1", "x-1", "-1-2", "0-1"} {
		if p, err := Parse(word); err == nil {
			t.Errorf("%q is %v", word, p)
		}
	}
}

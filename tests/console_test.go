//go:build linux

package tests

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"
)

// TestLoginConsole runs what the module runs at login on the console, on a
// terminal that says how large it is, one that says nonsense, and one that says
// nothing.
func TestLoginConsole(t *testing.T) {
	script, err := os.ReadFile("../pkg/nixos/console.sh")
	if err != nil {
		t.Fatal(err)
	}
	for _, shell := range []string{"sh", "bash"} {
		for answer, size := range map[string]string{
			"\x1b[40;132R": "40 132", "\x1b[0;0R": "24 80", "\x1b[;R": "24 80", "$(reboot)": "24 80", "": "24 80",
		} {
			out := login(t, shell, string(script), answer)
			if want := "size=" + size + " term=xterm-256color saved=\r\n"; !strings.Contains(out, want) {
				t.Errorf("%s, terminal that answers %q: %q, want %q", shell, answer, out, want)
			}
		}
	}
}

// login sources script in a shell on a terminal of 24 lines that gives answer
// when it is asked where the cursor is, and returns all output.
func login(t *testing.T, shell, script, answer string) string {
	t.Helper()
	master, slave, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer master.Close()
	defer slave.Close()
	if err := pty.Setsize(slave, &pty.Winsize{Rows: 24, Cols: 80}); err != nil {
		t.Fatal(err)
	}
	script = strings.ReplaceAll(script, "/dev/hvc0", slave.Name())
	cmd := exec.Command(shell, "-c", script+`
		stty -a | grep -q ' icanon' && echo "size=$(stty size) term=$TERM saved=$nixvf_saved"; echo end`)
	cmd.Env = append(os.Environ(), "TERM=dumb")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	if err := master.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	buffer := make([]byte, 1024)
	for asked := false; !strings.Contains(out.String(), "end\r\n"); {
		n, err := master.Read(buffer)
		if err != nil {
			t.Fatalf("%v after %q", err, &out)
		}
		out.Write(buffer[:n])
		if !asked && strings.Contains(out.String(), "\x1b[6n") {
			asked = true
			if _, err := master.WriteString(answer); err != nil {
				t.Fatal(err)
			}
		}
	}
	return out.String()
}

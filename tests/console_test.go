//go:build linux

package tests

import (
	"bytes"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"
)

// What the module's login script asks a terminal: its size, and if it does not
// say that, where its last line and column are.
const (
	asksSize   = "\x1b[18t"
	asksCursor = "\x1b[999;999H\x1b[6n"
)

var questions = regexp.MustCompile(`\x1b([78]|\[[0-9;]*[a-zA-Z])`)

// TestLoginConsole runs what the module runs at login on the console: on a
// terminal that says how large it is, on one that says where its cursor is, and
// on such as say nonsense or nothing.
func TestLoginConsole(t *testing.T) {
	script, err := os.ReadFile("../pkg/nixos/console.sh")
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		size, cursor string // the terminal's answers
		want         string
		asked        bool // where the cursor is
	}{
		"size":            {"\x1b[8;40;132t", "", "40 132", false},
		"size after keys": {"start\r\x1b[8;40;132t", "", "40 132", false},
		"cursor":          {"", "\x1b[8;132R", "8 132", true},
		"eight lines":     {"\x1b[8;8;132t", "", "8 132", false},
		"no size":         {"\x1b[8;0;0t", "", "24 80", false},
		"no cursor":       {"", "\x1b[0;0R", "24 80", true},
		"empty":           {"", "\x1b[;R", "24 80", true},
		"nonsense":        {"$(reboot)", "$(reboot)", "24 80", true},
		"nothing":         {"", "", "24 80", true},
	} {
		for _, shell := range []string{"sh", "bash"} {
			if shell == "bash" && tt.asked && name != "cursor" {
				continue // what takes time is tried once
			}
			t.Run(shell+" "+name, func(t *testing.T) {
				t.Parallel()
				out := login(t, shell, string(script), map[string]string{asksSize: tt.size, asksCursor: tt.cursor})
				want := "size=" + tt.want + " term=xterm-256color left=\r\nresize\r\nagain=" + tt.want + "\r\n"
				if seen := questions.ReplaceAllString(out, ""); !strings.Contains(seen, want) {
					t.Errorf("%q, want %q", seen, want)
				}
				if strings.Contains(out, asksCursor) != tt.asked {
					t.Errorf("asked %q", out)
				}
			})
		}
	}
}

// login sources script in a shell on a terminal of 24 lines that answers as it
// says, has it ask again, and returns all output.
func login(t *testing.T, shell, script string, answers map[string]string) string {
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
		stty -a | grep -q ' icanon' && echo "size=$(stty size) term=$TERM left=$nixvf_saved$nixvf_size$nixvf_answer"
		stty rows 24 cols 80
		command -v resize; nixvf_resize; echo "again=$(stty size)"; echo end`)
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
	answered := map[string]int{}
	for !strings.Contains(out.String(), "end\r\n") {
		n, err := master.Read(buffer)
		if err != nil {
			t.Fatalf("%v after %q", err, &out)
		}
		out.Write(buffer[:n])
		for question, answer := range answers {
			if asked := strings.Count(out.String(), question); asked > answered[question] && answer != "" {
				answered[question] = asked
				if _, err := master.WriteString(answer); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	return out.String()
}

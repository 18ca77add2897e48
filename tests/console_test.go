//go:build linux

package tests

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
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
		for _, shell := range []string{"sh", "bash", "zsh", "fenv", "babelfish"} {
			if shell != "sh" && tt.asked && name != "cursor" {
				continue // what takes time is tried once
			}
			t.Run(shell+" "+name, func(t *testing.T) {
				t.Parallel()
				out := login(t, shell, string(script), map[string]string{asksSize: tt.size, asksCursor: tt.cursor})
				want := "size=" + tt.want + " term=xterm-256color\r\nagain=" + tt.want + "\r\n"
				if seen := questions.ReplaceAllString(out, ""); !strings.Contains(seen, want) || !strings.Contains(seen, "3008;start=nixvf") {
					t.Errorf("%q, want %q", seen, want)
				}
				if strings.Contains(out, asksCursor) != tt.asked {
					t.Errorf("asked %q", out)
				}
			})
		}
	}
}

// loginLine is what a login shell reads of the module's, with the script in place of @console@.
const loginLine = "if @console@ login; then export TERM=xterm-256color; fi"

// shellCommand returns a command that has a shell, which must be installed, read
// the line and then the rest. NixOS has fish run it in bash and takes over the
// environment (fenv), or translates it (babelfish).
func shellCommand(t *testing.T, shell, line, rest string) *exec.Cmd {
	t.Helper()
	program := map[string]string{"fenv": "fish", "babelfish": "fish"}[shell]
	switch shell {
	case "fenv":
		line = `set -gx TERM (bash -c '` + line + `; echo $TERM')`
	case "babelfish":
		translate := exec.Command(shell)
		translate.Stdin = strings.NewReader(line)
		out, err := translate.Output()
		if err != nil {
			t.Skip(err)
		}
		line = string(out)
	}
	if program == "" {
		program = shell
	}
	path, err := exec.LookPath(program)
	if err != nil {
		t.Skip(err)
	}
	return exec.Command(path, "-c", line+"\n"+rest)
}

// Elsewhere than on the console a login shell is left as it is.
func TestLoginElsewhere(t *testing.T) {
	script := filepath.Join(t.TempDir(), "console")
	if err := os.WriteFile(script, []byte("#!/bin/sh\n"+read(t, "../pkg/nixos/console.sh")), 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("bash", "-ec", strings.ReplaceAll(loginLine, "@console@", script)+"\necho TERM=$TERM")
	cmd.Env = append(os.Environ(), "TERM=dumb")
	if out, err := cmd.CombinedOutput(); err != nil || string(out) != "TERM=dumb\n" {
		t.Errorf("%v, %q", err, out)
	}
}

// login has a shell read the module's line on a terminal of 24 lines that answers as it
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
	console := filepath.Join(t.TempDir(), "console")
	script = "#!/bin/sh\n" + strings.ReplaceAll(script, "/dev/hvc0", slave.Name())
	if err := os.WriteFile(console, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := shellCommand(t, shell, strings.ReplaceAll(loginLine, "@console@", console), `
		stty -a | grep -q ' icanon' && echo "size=$(stty size) term=$TERM"
		stty rows 24 cols 80
		`+console+`; echo "again=$(stty size)"; echo end`)
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

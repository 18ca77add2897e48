package child

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

func TestStatus(t *testing.T) {
	for script, want := range map[string]int{"exit 0": 0, "exit 3": 3, "kill -TERM $$": 128 + 15} {
		p, err := Start("sh", exec.Command("sh", "-c", script))
		if err != nil {
			t.Fatal(err)
		}
		if got := p.Status(); got != want {
			t.Errorf("%s: status %d, want %d", script, got, want)
		}
		p.End()
		if err := p.Signal(syscall.SIGTERM); err != nil {
			t.Errorf("%s: a signal after the end: %v", script, err)
		}
	}
}

func TestEnd(t *testing.T) {
	p, err := Start("sleep", exec.Command("sleep", "1000"))
	if err != nil {
		t.Fatal(err)
	}
	p.End()
	if got, want := p.Status(), 128+int(syscall.SIGKILL); got != want {
		t.Errorf("status %d, want %d", got, want)
	}
}

func TestStartFails(t *testing.T) {
	if _, err := Start("none", exec.Command("/nowhere/program")); err == nil {
		t.Error("no error for a missing program")
	}
}

// TestSession starts the child in a session of its own.
func TestSession(t *testing.T) {
	var out strings.Builder
	cmd := exec.Command("sh", "-c", "ps -o sid= -p $$ || cut -d' ' -f6 /proc/$$/stat; echo $$")
	cmd.Stdout = &out
	p, err := Start("sh", cmd)
	if err != nil {
		t.Fatal(err)
	}
	p.Status()
	words := strings.Fields(out.String())
	if len(words) != 2 || words[0] != words[1] {
		t.Errorf("session and process: %q", words)
	}
}

// TestRaiseOpenFiles raises the limit for children too, from a low soft limit.
func TestRaiseOpenFiles(t *testing.T) {
	if os.Getenv("CHILD_TEST_LIMIT") != "" {
		n, err := RaiseOpenFiles()
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command("sh", "-c", "ulimit -n; ulimit -Hn")
		out, err := cmd.Output()
		limits := strings.Fields(string(out))
		if err != nil || len(limits) != 2 || n == 0 {
			t.Fatalf("%q, %v", out, err)
		}
		if limits[0] != limits[1] && limits[1] != "unlimited" {
			t.Errorf("the child's limits are %q", limits)
		}
		return
	}
	cmd := exec.Command("sh", "-c", `ulimit -Sn 256 && exec "$0" -test.run TestRaiseOpenFiles`, os.Args[0])
	cmd.Env = append(os.Environ(), "CHILD_TEST_LIMIT=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestRun(t *testing.T) {
	if err := Run(t.Context(), "true", exec.Command("true")); err != nil {
		t.Error(err)
	}
	if err := Run(t.Context(), "false", exec.Command("false")); err == nil {
		t.Error("no error for status 1")
	}
	why := errors.New("why")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(why)
	if err := Run(ctx, "sleep", exec.Command("sleep", "1000")); err != why {
		t.Errorf("after the context's end: %v", err)
	}
}

package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/creack/pty"

	"github.com/nixvf/nixvf/pkg/fault"
)

type grammar struct {
	Count int    `help:"A number."`
	Kind  string `enum:"a,b" default:"a"`
	Common
}

// stdin returns a pipe that holds text, closed at the other end.
func stdin(t *testing.T, text string) *os.File {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	go func() {
		io.WriteString(w, text)
		w.Close()
	}()
	return r
}

func TestTool(t *testing.T) {
	bad := errors.New("kernel: missing")
	fails := func(err error) func(context.Context, *Tool) error {
		return func(_ context.Context, tool *Tool) error {
			tool.Print([]byte("half a document"))
			return err
		}
	}
	echo := func(ctx context.Context, tool *Tool) error {
		data, err := tool.Document(ctx, "boot document")
		tool.Print(data)
		return err
	}
	usage := "t: hint: t --help shows how it is used\n"
	tests := []struct {
		name   string
		args   []string
		stdin  string
		run    func(context.Context, *Tool) error
		code   int
		stdout string
		stderr string
	}{
		{"passes the document on", nil, "{}\n", echo, 0, "{}\n", ""},
		{"a failure prints no document", nil, "", fails(bad), 1, "", "t: kernel: missing\n"},
		{"all errors, then the hints", nil, "", fails(errors.Join(fault.Hint(bad, "look"), io.EOF)), 1, "",
			"t: kernel: missing\nt: EOF\nt: hint: look\n"},
		{"a status of its own", nil, "", fails(fault.Exit(bad, 143)), 143, "", "t: kernel: missing\n"},
		{"wrong usage found late", nil, "", fails(fault.Usage(bad)), 2, "", "t: kernel: missing\n"},
		{"control characters", nil, "", fails(errors.New("a\x1b[2Jb\nc\td\u009be\xff\n")), 1, "", "t: a?[2Jb c d?e\uFFFD\n"},
		{"empty stdin", nil, "", echo, 1, "", "t: nothing on stdin: the stage before this one failed or printed nothing\n"},
		{"blank stdin", nil, " \n\t\n", echo, 1, "", "t: nothing on stdin: the stage before this one failed or printed nothing\n"},
		{"unknown flag", []string{"--bogus"}, "", echo, 2, "", "t: unknown flag --bogus\n" + usage},
		{"flag without its value", []string{"--count"}, "", echo, 2, "", "t: --count: expected int value but got \"EOL\" (<EOL>)\n" + usage},
		{"bad enum", []string{"--kind", "c"}, "", echo, 2, "", "t: --kind must be one of \"a\",\"b\" but got \"c\"\n" + usage},
		{"argument", []string{"x"}, "", echo, 2, "", "t: unexpected argument x\n" + usage},
		{"version", []string{"--version"}, "", fails(bad), 0, "t " + buildVersion() + "\n", ""},
		{"rest", []string{"--count=1", "--", "--bogus", "--", "x"}, "", func(_ context.Context, tool *Tool) error {
			tool.Warn("%q", tool.Rest)
			tool.Say("done")
			return nil
		}, 0, "", "t: warning: [\"--bogus\" \"--\" \"x\"]\nt: done\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			tool := &Tool{Name: "t", Stdin: stdin(t, tt.stdin), Stdout: &stdout, Stderr: &stderr}
			code := tool.main("About t.", &grammar{}, tt.args, tt.run)
			if code != tt.code || stdout.String() != tt.stdout || stderr.String() != tt.stderr {
				t.Errorf("got %d, %q, %q\nwant %d, %q, %q", code, &stdout, &stderr, tt.code, tt.stdout, tt.stderr)
			}
		})
	}
}

func TestHelp(t *testing.T) {
	for _, args := range [][]string{{"--help"}, {"-h"}, {"--help", "--count", "1"}} {
		var stdout, stderr bytes.Buffer
		tool := &Tool{Name: "t", Stdin: stdin(t, ""), Stdout: &stdout, Stderr: &stderr}
		code := tool.main("About t.", &grammar{}, args, func(context.Context, *Tool) error {
			return errors.New("ran")
		})
		if code != 0 || stderr.Len() > 0 {
			t.Errorf("%q: status %d, stderr %q", args, code, &stderr)
		}
		for _, want := range []string{"Usage: t", "About t.", "--count", "A number.", "--verbose"} {
			if strings.Count(stdout.String(), want) != 1 {
				t.Errorf("%q: %q is not there once:\n%s", args, want, &stdout)
			}
		}
	}
}

func TestTerminalOnStdin(t *testing.T) {
	control, terminal, err := pty.Open()
	if err != nil {
		t.Skip(err)
	}
	defer control.Close()
	defer terminal.Close()
	var stderr bytes.Buffer
	tool := &Tool{Name: "t", Stdin: terminal, Stdout: io.Discard, Stderr: &stderr}
	_, err = tool.Document(context.Background(), "boot document")
	if fault.Code(err) != 2 || !strings.Contains(err.Error(), "but a boot document is expected") {
		t.Errorf("got %v, status %d", err, fault.Code(err))
	}
}

// A signal ends the wait for a document that never comes.
func TestInterruptedRead(t *testing.T) {
	for _, number := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		defer w.Close()
		var stdout, stderr bytes.Buffer
		tool := &Tool{Name: "t", Stdin: r, Stdout: &stdout, Stderr: &stderr}
		code := tool.main("", &grammar{}, nil, func(ctx context.Context, tool *Tool) error {
			syscall.Kill(os.Getpid(), number)
			data, err := tool.Document(ctx, "boot document")
			tool.Print(data)
			return err
		})
		want := map[syscall.Signal]string{
			syscall.SIGINT: "SIGINT", syscall.SIGTERM: "SIGTERM", syscall.SIGHUP: "SIGHUP",
		}[number]
		if code != 128+int(number) || stdout.Len() > 0 || stderr.String() != "t: interrupted by "+want+"\n" {
			t.Errorf("%s: got %d, %q, %q", want, code, &stdout, &stderr)
		}
	}
}

func TestTooLargeDocument(t *testing.T) {
	tool := &Tool{Name: "t", Stdin: stdin(t, strings.Repeat("x", 20<<20))}
	data, err := tool.Document(context.Background(), "boot document")
	if err != nil || len(data) != 16<<20+1 {
		t.Errorf("read %d bytes, %v", len(data), err)
	}
}

// Output that nobody reads is no reason for a message.
func TestClosedStdout(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	defer w.Close()
	var stderr bytes.Buffer
	tool := &Tool{Name: "t", Stdin: stdin(t, ""), Stdout: w, Stderr: &stderr}
	code := tool.main("", &grammar{}, nil, func(_ context.Context, tool *Tool) error {
		tool.Print([]byte("{}\n"))
		return nil
	})
	if code != 128+int(syscall.SIGPIPE) || stderr.Len() > 0 {
		t.Errorf("got %d, %q", code, &stderr)
	}
}

// A stage that waits ends, in silence, when the one after it is gone.
func TestUnread(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	var stderr bytes.Buffer
	tool := &Tool{Name: "t", Stdin: stdin(t, ""), Stdout: w, Stderr: &stderr}
	code := tool.main("", &grammar{}, nil, func(ctx context.Context, tool *Tool) error {
		ctx, stop := tool.WhileRead(ctx)
		defer stop()
		if ctx.Err() != nil {
			t.Error("ended while somebody reads")
		}
		r.Close()
		<-ctx.Done()
		return fmt.Errorf("wrapped: %w", context.Cause(ctx))
	})
	if code != 128+int(syscall.SIGPIPE) || stderr.Len() > 0 {
		t.Errorf("got %d, %q", code, &stderr)
	}
}

// refuses counts what is written to it and takes nothing.
type refuses struct{ writes int }

func (r *refuses) Write([]byte) (int, error) {
	r.writes++
	return 0, errors.New("no space left on device")
}

func TestFullDisk(t *testing.T) {
	for _, out := range []string{"{}\n", ""} {
		var stderr bytes.Buffer
		stdout := &refuses{}
		tool := &Tool{Name: "t", Stdin: stdin(t, ""), Stdout: stdout, Stderr: &stderr}
		code := tool.main("", &grammar{}, nil, func(_ context.Context, tool *Tool) error {
			tool.Print([]byte(out))
			return nil
		})
		want := []any{1, 1, "t: no space left on device\n"}
		if out == "" {
			want = []any{0, 0, ""}
		}
		if got := []any{code, stdout.writes, stderr.String()}; !slices.Equal(got, want) {
			t.Errorf("%q: got %v, want %v", out, got, want)
		}
	}
}

// TestConfirm: only "y" and "yes" mean yes, an end of the input and a signal do
// not, and without a terminal nothing is asked.
func TestConfirm(t *testing.T) {
	var said bytes.Buffer
	tool := &Tool{Name: "x", Stderr: &said, Stdin: stdin(t, "yes\n")}
	if yes, err := tool.Confirm(t.Context(), "Remove it", "--yes"); yes || fault.Code(err) != 2 || said.Len() > 0 {
		t.Errorf("without a terminal: %v, %v, %q", yes, err, &said)
	}
	for answer, want := range map[string]bool{"y\n": true, " YES \n": true, "\n": false, "yet\n": false, "\x04": false} {
		master, slave, err := pty.Open()
		if err != nil {
			t.Fatal(err)
		}
		said.Reset()
		tool.Stdin = slave
		if _, err := master.WriteString(answer); err != nil {
			t.Fatal(err)
		}
		if yes, err := tool.Confirm(t.Context(), "Remove it", "--yes"); yes != want || err != nil || said.String() != "x: Remove it? [y/N] " {
			t.Errorf("%q: %v, %v, %q", answer, yes, err, &said)
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(errUnread)
		if yes, err := tool.Confirm(ctx, "Remove it", "--yes"); yes || err != errUnread {
			t.Errorf("interrupted: %v, %v", yes, err)
		}
		master.Close()
		slave.Close()
	}
}

package nix

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nixvf/nixvf/pkg/cache"
	"github.com/nixvf/nixvf/pkg/fault"
)

// install makes a directory of shell scripts the only one in PATH.
func install(t *testing.T, scripts map[string]string) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range scripts {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+text+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", dir)
}

func TestFind(t *testing.T) {
	tests := []struct {
		name    string
		scripts map[string]string
		want    string
	}{
		{"none", nil, "nix is not in PATH"},
		{"half", map[string]string{"nix": "echo nix 2.8"}, "nix-store is not in PATH"},
		{"old", map[string]string{"nix": "echo 'nix (Nix) 2.3.16'", "nix-store": ""}, "nix 2.3 is too old: nixvf needs 2.8 or newer"},
		{"odd", map[string]string{"nix": "echo hello", "nix-store": ""}, `"hello" contains no version`},
		{"broken", map[string]string{"nix": "exit 7", "nix-store": ""}, "nix --version: exit status 7"},
		{"good", map[string]string{"nix": "echo 'nix (Nix) 2.8.0'", "nix-store": ""}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			install(t, tt.scripts)
			_, err := Find(t.Context(), Log{}, cache.Cache{}, nil)
			if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v, want %q", err, tt.want)
			}
			if tt.name == "none" && len(fault.Hints(err)) != 1 {
				t.Errorf("hints: %q", fault.Hints(err))
			}
		})
	}
}

// A nix that fails has said why on stderr, which must arrive; the output of a
// command that worked is returned, with a trace of its command line.
func TestRun(t *testing.T) {
	install(t, map[string]string{"nix": `case "$4" in good) echo out;; *) echo why >&2; exit 1;; esac`})
	var stderr bytes.Buffer
	var traced string
	n := &Nix{log: Log{&stderr, func(s string) { traced = s }}, nix: filepath.Join(os.Getenv("PATH"), "nix")}
	out, err := n.flakeCommand(t.Context(), "eval", "good")
	if string(out) != "out\n" || err != nil || Explained(err) {
		t.Errorf("%q, %v", out, err)
	}
	if want := "nix --extra-experimental-features 'nix-command flakes' eval good"; traced != want {
		t.Errorf("traced %q, want %q", traced, want)
	}
	_, err = n.flakeCommand(t.Context(), "eval", "bad")
	if !Explained(err) || err.Error() != "nix eval: exit status 1" || stderr.String() != "why\n" {
		t.Errorf("%v, stderr %q", err, stderr.String())
	}
	n.nix = "/nonexistent/nix"
	if _, err = n.flakeCommand(t.Context(), "eval"); err == nil || Explained(err) {
		t.Errorf("no program: %v", err)
	}
}

// When the context ends, the command is told by SIGTERM and waited for, and the
// error is the context's.
func TestRunInterrupted(t *testing.T) {
	dir := t.TempDir()
	mark := filepath.Join(dir, "cleaned")
	install(t, map[string]string{"nix": `trap 'echo >` + mark + `; exit 1' TERM
		echo >` + mark + `.started
		while :; do /bin/sleep 0.02; done`})
	ctx, cancel := context.WithCancelCause(context.Background())
	cause := errors.New("the cause")
	go func() {
		for i := 0; i < 500; i++ {
			if _, err := os.Stat(mark + ".started"); err == nil {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
		cancel(cause)
	}()
	n := &Nix{nix: filepath.Join(os.Getenv("PATH"), "nix")}
	if _, err := n.flakeCommand(ctx, "build"); !errors.Is(err, cause) {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat(mark); err != nil {
		t.Errorf("the command did not end by itself: %v", err)
	}
}

func TestBounded(t *testing.T) {
	b := bounded{limit: 5}
	if n, err := b.Write([]byte("12345")); n != 5 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if _, err := b.Write([]byte("6")); err == nil || string(b.data) != "12345" {
		t.Errorf("%q, %v", b.data, err)
	}
}

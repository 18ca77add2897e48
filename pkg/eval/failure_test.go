package eval

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nixvf/nixvf/pkg/fault"
)

// Every failure is a line of ours, below what nix has to say.
func TestFailures(t *testing.T) {
	realNix(t)
	dir := newFlake(t)
	tests := []struct {
		arg      string
		line     string
		hint     string // "" for none
		explains string // on stderr, by nix
	}{
		{".", `flake . has several configurations: dep, fails, foreign,`, "name one, as in .#dep", ""},
		{".#nope", `flake . has no configuration "nope"; it has dep, fails,`, "", ""},
		{"../none", "flake ../none has no nixosConfigurations", "", ""},
		{"../none#vm", "flake ../none has no nixosConfigurations", "", ""},
		{"../one", "cannot evaluate flake ../one", "", "the only one"},
		{"..", "no flake.nix in ", "", ""},
		{"./nowhere", `no such directory: "./nowhere"`, "", ""},
		{"./flake.nix", `"./flake.nix" is not a directory`, "", ""},
		{"good", "cannot read flake good", "the directory is ./good", "error"},
		{".#foreign", `configuration "foreign" is not a NixOS configuration`, "lib.nixosSystem", ""},
		{".#throws", `cannot evaluate configuration "throws" of flake .`, "", "this is why"},
		{".#throwsInside", `cannot evaluate configuration "throwsInside" of flake .`, "", "this is why"},
		{".#string", `cannot evaluate configuration "string" of flake .`, "", "system"},
		{".#outside", `additionalPaths: "/etc/passwd" is not in the Nix store`, "", ""},
		{".#fails", "build of fails failed", "", "this is why"},
		{".#riscv", "build of riscv failed: this machine (" + platform() + ") cannot build for riscv64-linux", "riscv64-linux machine in /etc/nix/machines", "riscv64-linux"},
		{".#noBoot", "-no-boot/boot.json: no such file", "isContainer", ""},
		{".#noExtension", `-no-extension/boot.json: "io.github.nixvf.v1": missing`, "nixvf's NixOS module", ""},
	}
	for _, tt := range tests {
		var stderr bytes.Buffer
		doc, err := Document(t.Context(), request(dir, tt.arg, &stderr))
		lines, hints := fault.Lines(err), strings.Join(fault.Hints(err), "\n")
		if doc != nil || len(lines) != 1 || !strings.Contains(lines[0], tt.line) || strings.Contains(lines[0], "\n") {
			t.Errorf("%s: %q, want %q\n%s", tt.arg, lines, tt.line, &stderr)
		}
		if !strings.Contains(hints, tt.hint) || (hints == "") != (tt.hint == "") {
			t.Errorf("%s: hint %q, want %q", tt.arg, hints, tt.hint)
		}
		if !strings.Contains(stderr.String(), tt.explains) {
			t.Errorf("%s: nix said\n%s\nwithout %q", tt.arg, &stderr, tt.explains)
		}
		if code := fault.Code(err); code != 1 {
			t.Errorf("%s: exit status %d", tt.arg, code)
		}
	}
}

// What can be known before nix evaluates anything is said before.
func TestRefusals(t *testing.T) {
	realNix(t)
	dir := newFlake(t)
	write(t, map[string]string{filepath.Join(dir, "precious"): "x"})
	tests := []struct {
		name   string
		change func(*Request)
		line   string
	}{
		{"occupied link", func(r *Request) { r.OutLink = "precious" }, `--out-link: "` + dir + `/precious" is there and is no link into the Nix store`},
		{"id", func(r *Request) { r.ID = "a/b" }, `id: "a/b" is not made of`},
		{"link nowhere", func(r *Request) { r.OutLink = "x/y" }, `no such directory: "` + dir + `/x"`},
		{"store option", func(r *Request) { r.Options = []string{"--store", "ssh-ng://host"} }, "nix's store is ssh-ng://host"},
		{"store setting", func(r *Request) { r.Options = []string{"--option", "store", "/tmp/x"} }, "nix's store is /tmp/x"},
		{"store environment", func(*Request) { t.Setenv("NIX_REMOTE", "ssh://host") }, "nix's store is ssh://host"},
	}
	for _, tt := range tests {
		var stderr bytes.Buffer
		r := request(dir, ".#vm", &stderr)
		tt.change(&r)
		if _, err := Document(t.Context(), r); err == nil || !strings.Contains(err.Error(), tt.line) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.line)
		}
	}
	if text, err := os.ReadFile(filepath.Join(dir, "precious")); string(text) != "x" {
		t.Errorf("%q, %v", text, err)
	}
}

// An interrupted evaluation ends at once, with nix and what it builds.
func TestInterrupted(t *testing.T) {
	realNix(t)
	dir := newFlake(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("the cause")
	var stderr watched
	stderr.text, stderr.found = "slow.drv'...", func() { time.AfterFunc(200*time.Millisecond, func() { cancel(cause) }) }
	r := request(dir, ".#slow", nil)
	r.Log.Stderr = &stderr
	start := time.Now()
	if _, err := Document(ctx, r); !errors.Is(err, cause) {
		t.Errorf("%v\n%s", err, stderr.all)
	}
	if took := time.Since(start); took > 8*time.Second {
		t.Errorf("took %v", took)
	}
}

// watched calls found when text was written to it.
type watched struct {
	text  string
	found func()
	all   []byte
}

func (w *watched) Write(p []byte) (int, error) {
	w.all = append(w.all, p...)
	if w.found != nil && bytes.Contains(w.all, []byte(w.text)) {
		w.found()
		w.found = nil
	}
	return len(p), nil
}

// Package nix runs the nix commands that nixvf needs and reads their output.
// Their stderr goes to the user unchanged: nix itself explains a failure, and an
// error of this package only names the command that failed ([Explained] tells
// such errors apart).
//
// It knows stores, derivations and flake references, but not NixOS.
package nix

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"github.com/nixvf/nixvf/pkg/cache"
	"github.com/nixvf/nixvf/pkg/fault"
	"github.com/nixvf/nixvf/pkg/shell"
)

// Nix is an installation of Nix.
type Nix struct {
	Version Version
	Release string // what nix --version prints
	// Options are given to each command that evaluates or builds, as the user
	// wrote them.
	Options []string

	log    Log
	memory cache.Cache
	nix    string // the programs' paths
	store  string
}

// Log is where nix's messages go, and nixvf's about nix.
type Log struct {
	Stderr io.Writer    // messages, logs and progress of nix itself
	Trace  func(string) // is told each command line; may be nil
}

// features switches on what stock Nix still calls experimental.
var features = []string{"--extra-experimental-features", "nix-command flakes"}

// maxOutput is what is read of a command's output, in bytes. The registration
// of 10,000 store paths takes about 10 MiB.
const maxOutput = 256 << 20

// grace is how long an interrupted nix may clean up before it is killed.
const grace = 10 * time.Second

// Find looks for Nix in PATH and asks for its version. What is the same whenever
// nix is asked for it is asked for once, as far as memory goes.
func Find(ctx context.Context, log Log, memory cache.Cache, options []string) (*Nix, error) {
	n := &Nix{Options: options, log: log, memory: memory}
	var err error
	if n.nix, err = find("nix"); err != nil {
		return nil, err
	}
	if n.store, err = find("nix-store"); err != nil {
		return nil, err
	}
	if n.Release, err = n.release(ctx); err != nil {
		return nil, err
	}
	if n.Version, err = ParseVersion(n.Release); err != nil {
		return nil, err
	}
	if !n.Version.AtLeast(Oldest) {
		err := fmt.Errorf("nix %s is too old: nixvf needs %s or newer", n.Version, Oldest)
		return nil, fault.Hint(err, "nix upgrade-nix, or https://nixos.org/download")
	}
	return n, nil
}

// FindStore looks for nix-store in PATH: it is enough for [Nix.Root], which
// works in all versions.
func FindStore(log Log) (*Nix, error) {
	store, err := find("nix-store")
	return &Nix{log: log, store: store}, err
}

// Quiet returns a Nix whose messages nobody sees.
func (n *Nix) Quiet() *Nix {
	quiet := *n
	quiet.log.Stderr = nil
	return &quiet
}

func find(program string) (string, error) {
	path, err := exec.LookPath(program)
	if err != nil {
		err = fmt.Errorf("%s is not in PATH: Nix is not installed, or not set up in this shell", program)
		return "", fault.Hint(err, "see https://nixos.org/download for how to install Nix")
	}
	return path, nil
}

// Explained reports whether err says no more than that nix failed, after it
// has told the user why.
func Explained(err error) bool {
	var exit *exec.ExitError
	return errors.As(err, &exit) && exit.Exited()
}

// run runs a program to its end and returns its output. When ctx ends, the
// program is asked to stop and waited for, and the error is ctx's cause.
func (n *Nix) run(ctx context.Context, program string, args ...string) ([]byte, error) {
	n.trace(program, args)
	out := bounded{limit: maxOutput}
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Stdout, cmd.Stderr = &out, n.log.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = grace
	endWithParent(cmd)
	runtime.LockOSThread() // the parent in the sense of endWithParent is a thread
	defer runtime.UnlockOSThread()
	err := cmd.Run()
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case err != nil:
		return nil, fmt.Errorf("%s %s: %w", filepath.Base(program), verb(args), err)
	}
	return out.data, nil
}

// flakeCommand runs a command of nix's newer interface.
func (n *Nix) flakeCommand(ctx context.Context, args ...string) ([]byte, error) {
	return n.run(ctx, n.nix, append(features[:2:2], args...)...)
}

// trace reports a command line, as a shell would take it.
func (n *Nix) trace(program string, args []string) {
	if n.log.Trace == nil {
		return
	}
	n.log.Trace(filepath.Base(program) + " " + shell.Words(args))
}

// verb is the first argument that says what a command does, for messages.
func verb(args []string) string {
	if len(args) > 2 && args[0] == features[0] {
		return args[2]
	}
	if len(args) > 0 {
		return args[0]
	}
	return ""
}

// bounded keeps what is written to it, and no more than limit bytes.
type bounded struct {
	data  []byte
	limit int
}

func (b *bounded) Write(p []byte) (int, error) {
	if len(b.data)+len(p) > b.limit {
		return 0, fmt.Errorf("printed more than %d bytes", b.limit)
	}
	b.data = append(b.data, p...)
	return len(p), nil
}

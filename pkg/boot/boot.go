// Package boot runs the VM of a launch document. It checks the host, creates
// what must exist, takes the VM's lock, starts the VMM (vfkit, or QEMU with its
// helpers) on a console that it owns, forwards requests to stop, and removes what
// it created.
//
// It owns the order of these steps and how they are undone. Packages vfkit and
// qemu make the command lines, package console handles terminals, package child
// handles processes. Messages go through the caller's functions.
package boot

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"time"

	"github.com/nixvf/nixvf/pkg/launchdoc"
	"github.com/nixvf/nixvf/pkg/link"
	"github.com/nixvf/nixvf/pkg/place"
	"github.com/nixvf/nixvf/pkg/roots"
	"github.com/nixvf/nixvf/pkg/storeimage"
	"github.com/nixvf/nixvf/pkg/vmm"
)

// Config says where and how to run a VM.
type Config struct {
	Host        place.Host
	UID         int
	VMM         string // one of vmm.Names
	Programs    vmm.Programs
	StopTimeout time.Duration    // from the request to stop to its being forced
	UnsafeStore bool             // let a guest that could write to the store run
	Address     bool             // say the guest's address on vfkit's NAT, once it is known
	Leases      string           // the file where it is found
	Rosetta     string           // the file that is there where Rosetta is
	Detach      bool             // put the VM in the background once it runs
	InputFile   string           // what is read from there goes to the console; "": nothing
	Supervisor  func() *exec.Cmd // starts this very command again, to be the supervisor
	Client      *link.Client     // whom this process runs the VM for, if it is a supervisor
	Verbose     bool
	Stdout      *os.File     // the console, and where its terminal is
	Print       func([]byte) // prints what a script may read, on stdout
	Say, Warn   func(format string, args ...any)
}

// Check returns an error about what would keep the VM of a document from starting, as Run does
// before it makes or starts anything. The VM may run.
func Check(ctx context.Context, doc *launchdoc.Document, c Config) error {
	m, err := newMachine(ctx, doc, c)
	if err != nil {
		return err
	}
	return m.check(ctx)
}

// DryRun returns, as shell commands, what Run would execute. Nothing is
// created, and only the programs themselves are looked for.
func DryRun(ctx context.Context, doc *launchdoc.Document, c Config) ([]byte, error) {
	m, err := newMachine(ctx, doc, c)
	if err != nil {
		return nil, err
	}
	var out []byte
	for _, h := range m.vmm.Helpers() {
		out = append(out, "# on descriptor 3: a socket that listens at "+h.Socket+"\n"...)
		cmd, err := launchdoc.Command(h.Argv)
		if err != nil {
			return nil, err
		}
		out = append(out, cmd...)
	}
	if len(m.cards) > 0 {
		out = append(out, "# with a network of nixvf-boot's own\n"...)
	}
	if usesStdio(m.vm) {
		out = append(out, "# with its console on a terminal of nixvf-boot's own\n"...)
	}
	cmd, err := launchdoc.Command(m.vmm.Command())
	return append(out, cmd...), err
}

// Run runs the VM until it ends and returns the VMM's exit status, 128+N when
// signal N ended it. The context ends what goes on before the VM runs; from
// then on INT, TERM and HUP are requests to stop the guest.
func Run(ctx context.Context, doc *launchdoc.Document, c Config) (status int, err error) {
	if err := checkFiles(); err != nil {
		return 1, err
	}
	if c.wantsSupervisor(doc) {
		return c.lead()
	}
	ctx, cancel := c.untilGone(ctx)
	defer cancel()
	m, err := newMachine(ctx, doc, c)
	if err == nil {
		err = m.check(ctx)
	}
	if interrupted := context.Cause(ctx); interrupted != nil {
		return 1, interrupted
	}
	if err != nil {
		return 1, err
	}
	requests := newRequests()
	defer requests.close()
	sweep(c.Host, c.UID)
	locks, err := m.takeLock()
	if err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, locks.release()) }()
	m.openRecord()
	defer func() { m.closeRecord(status, err) }()
	kept, err := roots.Take(ctx, m.place, m.doc.Roots)
	if err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, kept.Release()) }()
	net, err := m.startNetwork()
	if err != nil {
		return 1, err
	}
	defer net.close()
	made, err := m.prepare(ctx)
	defer func() { err = errors.Join(err, made.undo()) }()
	if interrupted := context.Cause(ctx); interrupted != nil {
		return 1, interrupted
	}
	if err != nil {
		return 1, err
	}
	if err := errors.Join(m.takeDisks(locks), m.shares.checkUnchanged(), m.seeShares(), m.checkNames()); err != nil {
		return 1, err
	}
	m.saySmaller()
	if len(doc.Images) > 0 {
		storeimage.PruneDaily(c.Host)
	}
	m.raiseLimits()
	return m.run(locks, kept, net, requests)
}

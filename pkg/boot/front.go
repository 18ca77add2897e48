package boot

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/crc-org/vfkit/pkg/config"

	"github.com/nixvf/nixvf/pkg/bootdoc"
	"github.com/nixvf/nixvf/pkg/child"
	"github.com/nixvf/nixvf/pkg/console"
	"github.com/nixvf/nixvf/pkg/launchdoc"
	"github.com/nixvf/nixvf/pkg/leash"
	"github.com/nixvf/nixvf/pkg/lock"
	"github.com/nixvf/nixvf/pkg/place"
	"github.com/nixvf/nixvf/pkg/sockets"
	"github.com/nixvf/nixvf/pkg/vfkit"
)

// wantsKeeper reports whether a process of its own shall run the VM: one that
// goes to the background, now or when the user at the terminal says so.
func (c Config) wantsKeeper(doc *launchdoc.Document) bool {
	if c.Leash != nil || c.Detach {
		return c.Leash == nil
	}
	command, err := vfkit.Parse(doc.Argv[1:])
	return err == nil && usesStdio(command.VM) && console.Find(c.Stdout) != nil
}

// untilGone returns a context that ends also when the front does, and with it
// whatever the keeper was about to do.
func (c Config) untilGone(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	if c.Leash != nil {
		go func() {
			<-c.Leash.Gone()
			cancel()
		}()
	}
	return ctx, cancel
}

// lead starts the keeper and stands in front of it until the VM has ended or is
// in the background. The status is the keeper's, and so is the message about
// it.
func (c Config) lead() (int, error) {
	p := c.newPost() // before anybody can know that this process is there
	f, err := leash.Start(c.Keeper())
	if err != nil {
		return 1, err
	}
	p.man(f)
	defer p.leave()
	var last leash.Report
	for r := range p.reports { // until the leash has been let go
		last = r
	}
	if last.State == leash.Running {
		return c.inBackground(last.VM)
	}
	status := child.StatusOf(f.State())
	switch {
	case status > 128 && f.State().ExitCode() < 0:
		return status, endOf("the process that ran the VM", status, "", nothingKnown)
	case status == 0 && c.Detach:
		return 1, errors.New("the VM has already ended")
	}
	return status, nil // the keeper has said why
}

// Attach gives the console of the VM called id, which runs in the background,
// to the terminal that stdout is, until the user leaves or the VM ends. The
// status is then the VM's.
func Attach(id string, c Config) (int, error) {
	if err := bootdoc.CheckID(id); err != nil {
		return 2, err
	}
	vm, err := c.Host.VM(id, "", "")
	if err != nil {
		return 1, err
	}
	if held, err := lock.Look(vm.Lock()); err == nil && held == nil {
		return 1, fmt.Errorf("%s is not running", id)
	}
	if console.Find(c.Stdout) == nil {
		return 1, errors.New("attach: stdout is not a terminal")
	}
	restore := console.Keep(c.Stdout)
	p := c.newPost() // the keeper looks at the terminal's size as soon as it is connected
	f, err := c.visit(vm)
	if err != nil {
		return 1, fmt.Errorf("%s has no console to attach to: %w", id, err)
	}
	p.man(f)
	defer p.leave()
	for {
		select {
		case r, open := <-p.reports:
			switch {
			case !open:
				return 1, fmt.Errorf("%s: the nixvf-boot that ran it was killed", id)
			case r.State == leash.Refused:
				return 1, fmt.Errorf("%s: %s", id, strings.Join(r.Why, ", "))
			case r.State == leash.Detached:
				return 0, nil
			case r.State == leash.Ended:
				return r.Status, messages(r.Why)
			}
		case s := <-p.unheard:
			restore()
			return 128 + int(s), fmt.Errorf("%s: the process that runs it does not answer", id)
		}
	}
}

// visit takes the terminal that stdout is to the process that runs a VM.
func (c Config) visit(vm place.VM) (*leash.Front, error) {
	dir, err := sockets.Find(vm, c.UID)
	if err != nil {
		return nil, err
	}
	conn, err := sockets.Dial(filepath.Join(dir, consoleSocket), c.UID)
	if err != nil {
		return nil, err
	}
	return leash.Visit(conn, c.Stdout)
}

// messages makes an error of each line; without any there is none.
func messages(lines []string) error {
	errs := make([]error, len(lines))
	for i, line := range lines {
		errs[i] = errors.New(line)
	}
	return errors.Join(errs...)
}

// inBackground tells the user, or a script, of a VM that runs on without us.
func (c Config) inBackground(vm leash.VM) (int, error) {
	if !c.Detach {
		c.Say("%s runs on as process %d, its console goes to %s", vm.ID, vm.PID, vm.Console)
		return 0, nil
	}
	data, err := json.MarshalIndent(vm, "", "  ")
	c.Print(append(data, '\n'))
	return 0, err
}

// Place returns where the VM of a document is. The document's id goes before
// NIXVF_ID, which nixvf-args has seen already.
func (c Config) Place(doc *launchdoc.Document) (place.VM, error) {
	name := doc.Name
	if name == "" {
		name = "vm"
	}
	return c.Host.VM(doc.ID, "", name)
}

// describe returns what others may know of a VM that goes to the background.
func (m *machine) describe(console string) leash.VM {
	vm := leash.VM{ID: m.place.ID, PID: os.Getpid(), Console: console, Sockets: m.vmm.Sockets()}
	for _, d := range config.FilterDevices[*config.VirtioVsock](m.vm) {
		if d.SocketURL != "" {
			vm.Sockets[fmt.Sprintf("vsock-%d", d.Port)] = d.SocketURL
		}
	}
	return vm
}

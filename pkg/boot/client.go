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
	"github.com/nixvf/nixvf/pkg/link"
	"github.com/nixvf/nixvf/pkg/lock"
	"github.com/nixvf/nixvf/pkg/place"
	"github.com/nixvf/nixvf/pkg/sockets"
	"github.com/nixvf/nixvf/pkg/vfkit"
)

// wantsSupervisor reports whether a process of its own is to run the VM: one that
// goes to the background, now or when the user at the terminal says so.
func (c Config) wantsSupervisor(doc *launchdoc.Document) bool {
	if c.Client != nil || c.Detach {
		return c.Client == nil
	}
	command, err := vfkit.Parse(doc.Argv[1:])
	return err == nil && usesStdio(command.VM) && console.Find(c.Stdout) != nil
}

// untilGone returns a context that ends also when the client does, and with it
// whatever the supervisor was about to do.
func (c Config) untilGone(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	if c.Client != nil {
		go func() {
			<-c.Client.Gone()
			cancel()
		}()
	}
	return ctx, cancel
}

// lead starts the supervisor and serves as its client until the VM has ended or is
// in the background. The status is the supervisor's, and so is the message about
// it.
func (c Config) lead() (int, error) {
	relay := c.newRelay() // before anybody can know that this process is there
	supervisor, err := link.Start(c.Supervisor())
	if err != nil {
		return 1, err
	}
	relay.start(supervisor)
	defer relay.leave()
	var last link.Report
	for r := range relay.reports { // until the link is released
		last = r
	}
	if last.State == link.Running {
		return c.inBackground(last.VM)
	}
	status := child.StatusOf(supervisor.State())
	switch {
	case status > 128 && supervisor.State().ExitCode() < 0:
		return status, endOf("the process that ran the VM", status, "", nothingKnown)
	case status == 0 && c.Detach:
		return 1, errors.New("the VM has already ended")
	}
	return status, nil // the supervisor has said why
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
	relay := c.newRelay() // the supervisor looks at the terminal's size as soon as it is connected
	supervisor, err := c.connect(vm)
	if err != nil {
		return 1, fmt.Errorf("%s has no console to attach to: %w", id, err)
	}
	relay.start(supervisor)
	defer relay.leave()
	for {
		select {
		case r, open := <-relay.reports:
			switch {
			case !open:
				return 1, fmt.Errorf("%s: the nixvf-boot that ran it was killed", id)
			case r.State == link.Refused:
				return 1, fmt.Errorf("%s: %s", id, strings.Join(r.Why, ", "))
			case r.State == link.Detached:
				return 0, nil
			case r.State == link.Ended:
				return r.Status, messages(r.Why)
			}
		case s := <-relay.unheard:
			restore()
			return 128 + int(s), fmt.Errorf("%s: the process that runs it does not answer", id)
		}
	}
}

// connect takes the terminal that stdout is to the process that runs a VM.
func (c Config) connect(vm place.VM) (*link.Supervisor, error) {
	dir, err := sockets.Find(vm, c.UID)
	if err != nil {
		return nil, err
	}
	conn, err := sockets.Dial(filepath.Join(dir, consoleSocket), c.UID)
	if err != nil {
		return nil, err
	}
	return link.Connect(conn, c.Stdout)
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
func (c Config) inBackground(vm link.VM) (int, error) {
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
func (m *machine) describe(console string) link.VM {
	vm := link.VM{ID: m.place.ID, PID: os.Getpid(), Console: console, Sockets: m.vmm.Sockets()}
	for _, d := range config.FilterDevices[*config.VirtioVsock](m.vm) {
		if d.SocketURL != "" {
			vm.Sockets[fmt.Sprintf("vsock-%d", d.Port)] = d.SocketURL
		}
	}
	return vm
}

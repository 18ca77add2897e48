package boot

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/crc-org/vfkit/pkg/config"
	"golang.org/x/sys/unix"

	"github.com/nixvf/nixvf/pkg/child"
	"github.com/nixvf/nixvf/pkg/network"
	"github.com/nixvf/nixvf/pkg/place"
	"github.com/nixvf/nixvf/pkg/ssh"
	"github.com/nixvf/nixvf/pkg/vsock"
)

// sshParam tells the guest on what its sshd listens.
const sshParam = "nixvf.ssh="

// planSSH adds the device on which the guest's sshd listens: vsock, or, where there
// is none, a card of its own that leads to this process alone.
func (m *machine) planSSH() error {
	if m.doc.SSH == "" {
		return nil
	}
	device, way := "virtio-net,nat,mac="+network.LinkMAC, "nixvf0"
	m.linked = true
	if m.kind.Vsock || access(vsock.Device, unix.R_OK|unix.W_OK) == nil {
		socket := filepath.Join(m.sockets, ssh.Socket)
		device, way = fmt.Sprintf("virtio-vsock,port=%d,socketURL=%s,connect", ssh.Port, socket), "vsock"
		m.linked = false
	}
	if err := m.reserve(ssh.Port, "ssh"); err != nil {
		return err
	}
	argv, err := tellGuest(m.doc.Argv, sshParam+way)
	if err != nil {
		return fmt.Errorf("ssh: %w", err)
	}
	doc := *m.doc
	doc.Argv = append(argv, "--device", device)
	m.doc = &doc
	return nil
}

// isLinked reports whether a card is the one of the link.
func (m *machine) isLinked(card *config.VirtioNet) bool {
	return m.linked && card.MacAddress.String() == network.LinkMAC
}

// makeKeys makes the keys of this run. The guest has its half as credentials, the
// user's ssh the other one, and a part of its configuration that names it.
func (m *machine) makeKeys() error {
	if m.doc.SSH == "" {
		return nil
	}
	keys, err := ssh.Make(m.place)
	if err != nil {
		return fmt.Errorf("ssh: %w", err)
	}
	block, err := SSHBlock(m.place, m.doc.SSH, m.doc.Name)
	if err != nil {
		return err
	}
	write := func(path string, data []byte) error {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			return fmt.Errorf("ssh: %w", err)
		}
		return nil
	}
	return errors.Join(
		write(filepath.Join(m.credentialsDir(), ssh.HostKey), keys.HostKey),
		write(filepath.Join(m.credentialsDir(), ssh.AuthorizedKey), keys.AuthorizedKey),
		write(ssh.BlockFile(m.place), []byte(block)),
	)
}

// SSHBlock is what makes a VM known to the user's ssh, by the name of its
// configuration and by its id.
func SSHBlock(vm place.VM, user, name string) (string, error) {
	options, err := sshOptions(vm, user)
	return ssh.Block(options, vm, name), err
}

// SSHArguments are those of ssh that get into a VM as a user, with no command yet.
func SSHArguments(vm place.VM, user string) ([]string, error) {
	options, err := sshOptions(vm, user)
	return ssh.Arguments(options, vm), err
}

func sshOptions(vm place.VM, user string) ([]ssh.Option, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return ssh.Options(vm, user, self)
}

// linkWait is how long a connection to the guest may take: one that boots does not
// answer at first, and whoever connects asks again.
const linkWait = 3 * time.Second

// attachLink starts the link, if the guest has a card on one, and returns the file
// on which the VMM takes that card's frames. The link's socket on the host is then
// there.
func (s *session) attachLink() (*os.File, error) {
	if !s.m.linked {
		return nil, nil
	}
	link, err := network.NewLink()
	if err != nil {
		return nil, err
	}
	s.link = link
	_, err = vsock.Serve(filepath.Join(s.m.sockets, ssh.Socket), func() (vsock.Conn, error) {
		ctx, cancel := context.WithTimeout(context.Background(), linkWait)
		defer cancel()
		return link.Dial(ctx, ssh.Port)
	})
	if err != nil {
		return nil, err
	}
	return link.Attach()
}

// insideWait is how long a command in the guest may take that asks it to stop.
const insideWait = 20 * time.Second

// askInside asks a guest to stop that the VMM's power button does not reach, as one
// without logind, or in emergency mode.
func (s *session) askInside() {
	if s.m.doc.SSH == "" {
		return
	}
	program, err := exec.LookPath("ssh")
	if err != nil {
		return
	}
	args, err := SSHArguments(s.m.place, "root")
	if err != nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), insideWait)
	defer cancel()
	var heard bytes.Buffer
	cmd := exec.Command(program, append(args, "echo heard; systemctl poweroff")...)
	cmd.Stdout = &heard
	err = child.Run(ctx, "ssh", cmd)
	switch {
	case heard.Len() > 0: // the connection may end before the command does
		s.console.tell("the guest does not answer the power button, and has been asked by ssh")
	case err != nil && s.m.Verbose:
		s.console.tell("stop: ssh: %v", err)
	}
}

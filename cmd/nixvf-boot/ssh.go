package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/nixvf/nixvf/pkg/boot"
	"github.com/nixvf/nixvf/pkg/cli"
	"github.com/nixvf/nixvf/pkg/fault"
	"github.com/nixvf/nixvf/pkg/instance"
	"github.com/nixvf/nixvf/pkg/ssh"
)

// sshProgram returns the path of the user's ssh.
func sshProgram() (string, error) {
	path, err := exec.LookPath("ssh")
	if err != nil {
		return "", fault.Hint(errors.New("ssh: not found in PATH"), "install OpenSSH's client")
	}
	return path, nil
}

// withSSH returns the VM that the user means, if it runs and has a way in.
func withSSH(c boot.Config, word string) (instance.VM, error) {
	vm, err := instance.Find(c.Host, word)
	switch {
	case err != nil:
		return vm, err
	case !vm.Runs():
		return vm, fmt.Errorf("%s is not running", vm.ID)
	case vm.SSH == "":
		return vm, fault.Hint(fmt.Errorf("%s cannot be reached by ssh", vm.ID), "set nixvf.ssh.enable in its configuration, and start it again")
	}
	return vm, nil
}

type sshCommand struct {
	ID   string `arg:"" help:"The VM."`
	User string `short:"l" placeholder:"NAME" help:"User in the guest (default: nixvf.ssh.user of the configuration)."`
	TTY  bool   `name:"tty" short:"t" help:"Give the command a terminal. A shell always has one."`
}

// run becomes ssh. Each word after -- is one word of the command in the guest.
func (s *sshCommand) run(_ context.Context, t *cli.Tool, c boot.Config) error {
	vm, err := withSSH(c, s.ID)
	if err != nil {
		return err
	}
	program, err := sshProgram()
	if err != nil {
		return err
	}
	user := vm.SSH
	if s.User != "" {
		user = s.User
	}
	args, err := boot.SSHArguments(vm.Place(), user)
	if err != nil {
		return err
	}
	if s.TTY {
		args = append([]string{"-t"}, args...)
	}
	args = append(args, ssh.Words(t.Rest)...)
	return os.NewSyscallError("exec ssh", syscall.Exec(program, append([]string{"ssh"}, args...), os.Environ()))
}

type sshConnectCommand struct {
	ID string `arg:"" help:"The VM."`
}

// run is what ssh has for a connection: ProxyCommand.
func (s *sshConnectCommand) run(ctx context.Context, t *cli.Tool, c boot.Config) error {
	vm, err := withSSH(c, s.ID)
	if err != nil {
		return err
	}
	runs := func() bool {
		now, err := instance.Exactly(c.Host, vm.ID)
		return err == nil && now.Runs()
	}
	return ssh.Connect(ctx, vm.Place(), c.UID, os.Stdin, t.Stdout, runs)
}

type sshConfigCommand struct {
	ID        string `arg:"" optional:"" help:"The VM."`
	Install   bool   `xor:"what" help:"Add one line to ~/.ssh/config, so that ssh knows every VM, present and future, as NAME.nixvf."`
	Uninstall bool   `xor:"what" help:"Remove that line."`
}

func (s *sshConfigCommand) run(_ context.Context, t *cli.Tool, c boot.Config) error {
	if s.Install || s.Uninstall {
		return s.include(t, c)
	}
	if s.ID == "" {
		return fault.Usage(errors.New("ssh-config: give a VM, or --install"))
	}
	vm, err := instance.Find(c.Host, s.ID)
	if err != nil {
		return err
	}
	if vm.SSH == "" {
		return fmt.Errorf("%s cannot be reached by ssh", vm.ID)
	}
	block, err := boot.SSHBlock(vm.Place(), vm.SSH, vm.Name)
	t.Print([]byte(block))
	return err
}

func (s *sshConfigCommand) include(t *cli.Tool, c boot.Config) error {
	state, err := c.Host.State()
	if err != nil {
		return err
	}
	file := filepath.Join(c.Host.Env("HOME"), ".ssh", "config")
	change, done := ssh.Install, "%s knows the VMs now, as NAME.nixvf"
	if s.Uninstall {
		change, done = ssh.Uninstall, "%s does not know the VMs any more"
	}
	changed, err := change(file, state)
	if err == nil && !changed {
		done = "%s is as it should be already"
	}
	if err == nil {
		t.Say(done, file)
	}
	return err
}

// awaitReady waits until a VM's guest has come up, as its systemd has it.
func awaitReady(ctx context.Context, c boot.Config, word string) error {
	if err := instance.AwaitRunning(ctx, c.Host, word); err != nil {
		return err
	}
	program, err := sshProgram()
	if err != nil {
		return err
	}
	for {
		vm, err := withSSH(c, word)
		if err != nil {
			return err
		}
		args, err := boot.SSHArguments(vm.Place(), "root")
		if err != nil {
			return err
		}
		state := systemState(ctx, program, args)
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case state == "running" || state == "degraded":
			return nil
		case state == "maintenance":
			return fault.Hint(fmt.Errorf("%s is in emergency mode", vm.ID), "nixvf-boot ssh %s", vm.ID)
		default: // it does not answer yet, or is still starting
			time.Sleep(200 * time.Millisecond)
		}
	}
}

// systemState asks the guest's systemd, once that has an answer. It is "" without
// one.
func systemState(ctx context.Context, program string, args []string) string {
	cmd := exec.CommandContext(ctx, program, append(args, "systemctl", "is-system-running", "--wait")...)
	out, _ := cmd.Output() // its status says whether the state is a good one
	return string(bytes.TrimSpace(out))
}

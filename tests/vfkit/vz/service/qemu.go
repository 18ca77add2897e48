//go:build linux

package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/Code-Hex/vz/v3/machine"
)

// runQEMU runs the real guest that the machine's description names.
func runQEMU(vm *VM) bool {
	dir, err := os.MkdirTemp("", "machine-")
	if err != nil {
		return vm.complain(err)
	}
	q := &qemu{vm: vm, dir: dir, cmd: exec.Command("qemu-system-x86_64")}
	vm.cleanUp = q.cleanUp
	defer q.cleanUp()
	q.platform()
	q.disks()
	q.cards()
	if err := q.shares(); err != nil {
		return vm.complain(err)
	}
	if err := q.run(); err != nil {
		return vm.complain(err)
	}
	return true
}

// complain notes why a guest cannot run, and has its machine die.
func (vm *VM) complain(err error) bool {
	machine.Note("qemu: " + err.Error())
	return false
}

// qemu is a QEMU and the programs beside it.
type qemu struct {
	vm      *VM
	dir     string
	cmd     *exec.Cmd
	helpers []*exec.Cmd
}

func (q *qemu) add(args ...string) { q.cmd.Args = append(q.cmd.Args, args...) }

func (q *qemu) cleanUp() {
	for _, cmd := range append(q.helpers, q.cmd) {
		if cmd.Process != nil {
			_ = cmd.Process.Kill()
		}
	}
	_ = os.RemoveAll(q.dir)
}

func (q *qemu) platform() {
	s := q.vm.spec
	memory := fmt.Sprintf("%dM", s.Memory>>20)
	q.add("-machine", "q35,memory-backend=memory", "-accel", "kvm", "-accel", "tcg", "-cpu", "max", "-smp", fmt.Sprint(s.CPUs),
		"-m", memory, "-object", "memory-backend-memfd,id=memory,share=on,size="+memory,
		"-nodefaults", "-display", "none", "-kernel", s.Kernel, "-initrd", s.Initrd, "-append", s.CmdLine,
		"-device", "virtio-serial-pci", "-chardev", "stdio,id=console,signal=off", "-device", "virtconsole,chardev=console",
		"-device", "virtio-rng-pci", "-qmp", "unix:"+q.dir+"/qmp,server=on,wait=off")
}

// disks adds the disks, which this process has locked.
func (q *qemu) disks() {
	for i, d := range q.vm.spec.Disks {
		drive := fmt.Sprintf("if=none,id=disk%d,format=raw,cache=unsafe,file.locking=off,file=%s", i, strings.ReplaceAll(d.Path, ",", ",,"))
		if d.ReadOnly {
			drive += ",readonly=on"
		}
		q.add("-drive", drive, "-device", fmt.Sprintf("virtio-blk-pci,drive=disk%d,serial=%s", i, d.ID))
	}
}

func (q *qemu) cards() {
	for i, c := range q.vm.spec.Cards {
		network := fmt.Sprintf("user,id=net%d", i)
		if c.Socket != 0 {
			q.cmd.ExtraFiles = append(q.cmd.ExtraFiles, os.NewFile(uintptr(c.Socket), "network"))
			network = fmt.Sprintf("dgram,id=net%d,local.type=fd,local.str=%d", i, 2+len(q.cmd.ExtraFiles))
		}
		q.add("-netdev", network, "-device", fmt.Sprintf("virtio-net-pci,netdev=net%d,mac=%s", i, c.MAC))
	}
}

// shares starts a virtiofsd for each share but Rosetta's, which stays out.
func (q *qemu) shares() error {
	for i, s := range q.vm.spec.Shares {
		if s.Directory == "" {
			continue
		}
		socket := filepath.Join(q.dir, fmt.Sprint("share", i))
		cmd, err := virtiofsd(socket, s.Directory)
		if err != nil {
			return err
		}
		q.helpers = append(q.helpers, cmd)
		q.add("-chardev", fmt.Sprintf("socket,id=share%d,path=%s", i, socket),
			"-device", fmt.Sprintf("vhost-user-fs-pci,chardev=share%d,tag=%s", i, s.Tag))
	}
	return nil
}

// virtiofsd starts QEMU's own (up to QEMU 7) or the one in Rust.
func virtiofsd(socket, dir string) (*exec.Cmd, error) {
	cmd := exec.Command("/usr/lib/qemu/virtiofsd", "--socket-path="+socket, "-o", "source="+dir, "-o", "sandbox=chroot", "-o", "cache=always")
	if _, err := os.Stat(cmd.Path); err != nil {
		cmd = exec.Command("/usr/libexec/virtiofsd", "--socket-path="+socket, "--shared-dir="+dir, "--cache=always")
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	for range 250 {
		if _, err := os.Stat(socket); err == nil {
			return cmd, nil
		}
		time.Sleep(20 * time.Millisecond)
	}
	return nil, fmt.Errorf("virtiofsd makes no socket for %s", dir)
}

// run runs QEMU until its end, with the console on its stdin and stdout.
func (q *qemu) run() error {
	stdin, err := q.cmd.StdinPipe()
	if err != nil {
		return err
	}
	q.cmd.Stdout = q.vm.out
	said := &strings.Builder{}
	q.cmd.Stderr = said
	if err := q.cmd.Start(); err != nil {
		return err
	}
	go func() { _, _ = io.Copy(stdin, q.vm.in) }()
	go q.powerDown()
	if err := q.cmd.Wait(); err != nil {
		return fmt.Errorf("%w: %s", err, said)
	}
	return nil
}

// powerDown presses the power button at each request to stop.
func (q *qemu) powerDown() {
	for range q.vm.asked {
		conn, err := net.Dial("unix", q.dir+"/qmp")
		if err != nil {
			machine.Note("qemu: " + err.Error())
			continue
		}
		fmt.Fprint(conn, `{"execute": "qmp_capabilities"}{"execute": "system_powerdown"}`)
		time.Sleep(200 * time.Millisecond)
		conn.Close()
	}
}

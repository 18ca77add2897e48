//go:build linux

// Program machine is the process in which a machine of the framework's stand-in
// runs: com.apple.Virtualization.VirtualMachine on a Mac. It ends with its guest,
// when it is told to, or some time after vfkit has ended.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/Code-Hex/vz/v3/machine"
)

// VM is the machine.
type VM struct {
	spec     machine.Spec
	in       io.Reader // of the guest's first console
	out      io.Writer
	asked    chan struct{} // to stop
	ending   atomic.Bool
	panicked atomic.Bool
	answers  *os.File
	kept     []*os.File // for as long as the process lives
	cleanUp  func()
}

func main() {
	vm := &VM{in: strings.NewReader(""), out: io.Discard, asked: make(chan struct{}, 64),
		answers: os.NewFile(machine.Answers, "answers"), cleanUp: func() {}}
	commands := bufio.NewReader(os.NewFile(machine.Commands, "commands"))
	if err := vm.prepare(commands); err != nil {
		fmt.Fprintln(vm.answers, err)
		os.Exit(1)
	}
	fmt.Fprintln(vm.answers, machine.Running)
	go vm.obey(commands)
	if run := guests[machine.Setting("GUEST")]; run != nil && run(vm) {
		vm.stopped("by itself")
	}
	if vm.ending.Load() {
		select {} // it is being ended by force
	}
	vm.cleanUp()
	os.Exit(1)
}

// prepare reads the machine's description and opens what belongs to it.
func (vm *VM) prepare(commands *bufio.Reader) error {
	text, err := commands.ReadBytes('\n')
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, &vm.spec); err != nil {
		return err
	}
	for _, disk := range vm.spec.Disks {
		if err := vm.lock(disk); err != nil {
			return err
		}
	}
	for i, console := range vm.spec.Consoles {
		vm.open(i, console)
	}
	for _, card := range vm.spec.Cards {
		vm.plugIn(card)
	}
	return nil
}

// refusal is why a machine does not start, as the framework puts it.
type refusal string

func (r refusal) Error() string { return string(r) }

// lock locks a disk image for as long as the machine lives: another machine's
// start fails then.
func (vm *VM) lock(disk machine.Disk) error {
	f, err := os.OpenFile(disk.Path, os.O_RDWR, 0)
	if err == nil && !disk.ReadOnly {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	}
	if err != nil && !disk.ReadOnly {
		return refusal("The storage device attachment is invalid.") // it gives no reason
	}
	vm.kept = append(vm.kept, f)
	return nil
}

// open opens a console. The guest has its shell on the first one, and greets on
// the others.
func (vm *VM) open(number int, console machine.Console) {
	out := os.NewFile(uintptr(console.Out), "console")
	vm.kept = append(vm.kept, out)
	if number > 0 {
		fmt.Fprintf(out, "hvc%d is up\r\n", number)
		return
	}
	vm.out = out
	if console.In != 0 {
		vm.in = os.NewFile(uintptr(console.In), "console")
	}
}

// obey does what vfkit says, until it has ended.
func (vm *VM) obey(commands *bufio.Reader) {
	for {
		line, err := commands.ReadString('\n')
		if err != nil {
			break
		}
		switch line = strings.TrimSuffix(line, "\n"); line {
		case machine.RequestStop:
			machine.Note("asked to stop")
			if !vm.panicked.Load() { // else nobody is there to say so
				fmt.Fprint(vm.out, "asked to Stop\r\n")
			}
			vm.asked <- struct{}{}
		case machine.Force:
			vm.stopped("by force")
		default:
			machine.Note(line)
		}
	}
	time.Sleep(machine.Duration("LINGER_MS", 50))
	machine.Note("ended: vfkit has")
	vm.cleanUp()
	os.Exit(1)
}

// stopped reports the end and ends, both in their time.
func (vm *VM) stopped(how string) {
	if vm.ending.Swap(true) {
		select {} // it is already
	}
	vm.cleanUp()
	time.Sleep(machine.Duration("STOP_MS", 0))
	machine.Note("stopped " + how)
	fmt.Fprintln(vm.answers, machine.Stopped)
	vm.answers.Close()
	time.Sleep(machine.Duration("HANDLES_MS", 0))
	os.Exit(0)
}

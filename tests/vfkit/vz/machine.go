//go:build linux

package vz

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/Code-Hex/vz/v3/machine"
)

// VirtualMachine is a machine: a process that gets commands over a pipe and
// answers over another one.
type VirtualMachine struct {
	*states
	config   *VirtualMachineConfiguration
	commands *os.File
}

// NewVirtualMachine returns a machine that does not run, and writes down what
// vfkit was started with.
func NewVirtualMachine(c *VirtualMachineConfiguration) (*VirtualMachine, error) {
	record()
	return &VirtualMachine{states: newStates(), config: c}, nil
}

// record writes the process, its session, how many files it may open, and its
// arguments into VZ_LOG, in the place of what was there.
func record() {
	path := machine.Setting("LOG")
	if path == "" {
		return
	}
	var limit syscall.Rlimit
	_ = syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) // does not fail
	session, _, _ := syscall.Syscall(syscall.SYS_GETSID, 0, 0, 0)
	text := fmt.Sprintf("pid %d\nsession %d\nopen files %d of %d\n%s\n",
		os.Getpid(), session, limit.Cur, limit.Max, strings.Join(os.Args[1:], "\n"))
	_ = os.WriteFile(path, []byte(text), 0o600)
}

// Start starts the machine's process and returns when the machine runs.
func (v *VirtualMachine) Start() error {
	v.set(VirtualMachineStateStarting)
	time.Sleep(machine.Duration("START_MS", 20))
	err := v.start()
	if err != nil {
		v.set(VirtualMachineStateStopped)
	}
	return err
}

func (v *VirtualMachine) start() error {
	if text := machine.Setting("START_ERROR"); text != "" {
		return failure(errorInternal, "Internal Virtualization error. "+text)
	}
	theirs, commands, err := os.Pipe()
	if err != nil {
		return err
	}
	answers, answer, err := os.Pipe()
	if err != nil {
		return err
	}
	h := &handles{files: []*os.File{theirs, answer}}
	spec, err := json.Marshal(v.config.describe(h))
	if err != nil {
		return err
	}
	cmd, err := service(h)
	theirs.Close()
	answer.Close()
	if err != nil {
		return failure(errorInternal, "Internal Virtualization error. The virtual machine failed to start. "+err.Error())
	}
	v.commands = commands
	if _, err := fmt.Fprintf(commands, "%s\n", spec); err != nil {
		return err
	}
	return v.await(cmd, bufio.NewReader(answers))
}

// service starts the machine's process. On a Mac launchd does, so it is in no
// process group or session of vfkit's and has nothing of it but what vfkit hands
// over.
func service(h *handles) (*exec.Cmd, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(filepath.Join(filepath.Dir(self), machine.Name))
	cmd.ExtraFiles = h.files
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return cmd, cmd.Start()
}

// await reads the machine's first answer, and leaves the last one to another.
func (v *VirtualMachine) await(cmd *exec.Cmd, answers *bufio.Reader) error {
	line, err := answers.ReadString('\n')
	switch line = strings.TrimSuffix(line, "\n"); {
	case err == io.EOF:
		return failure(errorInternal, "Internal Virtualization error. The virtual machine failed to start.")
	case err != nil:
		return err
	case line != machine.Running:
		return invalid(line)
	}
	v.set(VirtualMachineStateRunning) // before its end can be seen
	go v.watch(cmd, answers)
	return nil
}

// watch waits for the machine's end. One that ends without a word is an error,
// as when Apple's process dies.
func (v *VirtualMachine) watch(cmd *exec.Cmd, answers *bufio.Reader) {
	line, _ := answers.ReadString('\n')
	go func() { _ = cmd.Wait() }() // it may keep its handles for a while
	if strings.TrimSuffix(line, "\n") != machine.Stopped {
		v.set(VirtualMachineStateError)
		return
	}
	if machine.Setting("STOPPING") == "1" {
		v.set(VirtualMachineStateStopping)
	}
	v.set(VirtualMachineStateStopped)
}

func (v *VirtualMachine) command(text string) error {
	_, err := fmt.Fprintln(v.commands, text)
	return err
}

// CanStart and the others report what can be done now.
func (v *VirtualMachine) CanStart() bool {
	return v.is(VirtualMachineStateStopped, VirtualMachineStateError)
}

// CanPause reports whether the machine can be paused.
func (v *VirtualMachine) CanPause() bool { return v.is(VirtualMachineStateRunning) }

// CanResume reports whether it can go on.
func (v *VirtualMachine) CanResume() bool { return v.is(VirtualMachineStatePaused) }

// CanRequestStop reports whether its guest can be asked to stop. Some machines
// never can (https://github.com/lima-vm/lima/issues/5087).
func (v *VirtualMachine) CanRequestStop() bool {
	return v.is(VirtualMachineStateRunning, VirtualMachineStatePaused) && machine.Setting("CAN_STOP") != "0"
}

// CanStop reports whether it can be stopped by force.
func (v *VirtualMachine) CanStop() bool {
	return v.is(VirtualMachineStateRunning, VirtualMachineStatePaused, VirtualMachineStateStarting)
}

// RequestStop asks the guest to stop.
func (v *VirtualMachine) RequestStop() (bool, error) {
	if !v.CanRequestStop() {
		return false, v.refuse("stopping")
	}
	if text := machine.Setting("STOP_ERROR"); text != "" {
		return false, failure(errorInternal, text)
	}
	return true, v.command(machine.RequestStop)
}

// Stop stops the machine at once.
func (v *VirtualMachine) Stop() error {
	if !v.CanStop() {
		return v.refuse("stopping")
	}
	if text := machine.Setting("FORCE_ERROR"); text != "" {
		return failure(errorInternal, text)
	}
	v.set(VirtualMachineStateStopping)
	return v.command(machine.Force)
}

// Pause freezes the machine.
func (v *VirtualMachine) Pause() error {
	if !v.CanPause() {
		return v.refuse("paused")
	}
	v.set(VirtualMachineStatePausing)
	err := v.command(machine.Pause)
	v.set(VirtualMachineStatePaused)
	return err
}

// Resume lets it go on.
func (v *VirtualMachine) Resume() error {
	if !v.CanResume() {
		return v.refuse("running")
	}
	v.set(VirtualMachineStateResuming)
	err := v.command(machine.Resume)
	v.set(VirtualMachineStateRunning)
	return err
}

// SocketDevices returns the vsock devices.
func (v *VirtualMachine) SocketDevices() []*VirtioSocketDevice {
	return make([]*VirtioSocketDevice, len(v.config.vsocks))
}

// StartGraphicApplication returns when the window is closed or the machine has
// ended, as in Code-Hex/vz.
func (v *VirtualMachine) StartGraphicApplication(width, height float64) error {
	if machine.Setting("DISPLAY") == "0" {
		fmt.Fprintln(os.Stderr, "_RegisterApplication(), FAILED TO establish the default connection to the WindowServer")
		os.Exit(1)
	}
	closed := time.After(machine.Duration("WINDOW_MS", 1<<31))
	for !v.is(VirtualMachineStateStopped, VirtualMachineStateError) {
		select {
		case <-closed:
			return nil
		case <-time.After(50 * time.Millisecond):
		}
	}
	return nil
}

//go:build linux

package vz

import (
	"slices"
	"strings"
	"sync"
)

// VirtualMachineState is what a machine is at.
type VirtualMachineState int

// The states (VZVirtualMachineState).
const (
	VirtualMachineStateStopped VirtualMachineState = iota
	VirtualMachineStateRunning
	VirtualMachineStatePaused
	VirtualMachineStateError
	VirtualMachineStateStarting
	VirtualMachineStatePausing
	VirtualMachineStateResuming
	VirtualMachineStateStopping
)

var stateNames = []string{"Stopped", "Running", "Paused", "Error", "Starting", "Pausing", "Resuming", "Stopping"}

func (s VirtualMachineState) String() string { return "VirtualMachineState" + stateNames[s] }

// states is a machine's state and those it has been in since somebody has asked.
type states struct {
	mu      sync.Mutex
	now     VirtualMachineState
	changes chan VirtualMachineState
	queue   chan VirtualMachineState
}

// newStates begins with "stopped". Changes wait without bound for their reader,
// as in Code-Hex/vz.
func newStates() *states {
	s := &states{changes: make(chan VirtualMachineState), queue: make(chan VirtualMachineState)}
	go s.pass()
	return s
}

func (s *states) pass() {
	var waiting []VirtualMachineState
	for {
		var out chan VirtualMachineState
		var next VirtualMachineState
		if len(waiting) > 0 {
			out, next = s.changes, waiting[0]
		}
		select {
		case state := <-s.queue:
			waiting = append(waiting, state)
		case out <- next:
			waiting = waiting[1:]
		}
	}
}

func (s *states) set(state VirtualMachineState) {
	s.mu.Lock()
	s.now = state
	s.mu.Unlock()
	s.queue <- state
}

// is reports whether the state is one of those.
func (s *states) is(some ...VirtualMachineState) bool { return slices.Contains(some, s.State()) }

// State returns the state.
func (s *states) State() VirtualMachineState {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

// StateChangedNotify returns each state that the machine comes to.
func (s *states) StateChangedNotify() <-chan VirtualMachineState { return s.changes }

// refuse returns the framework's error for what cannot be done now.
func (s *states) refuse(to string) error {
	return failure(errorInvalidTransition, "Invalid virtual machine state transition. Transition from state “"+
		strings.ToLower(stateNames[s.State()])+"” to state “"+to+"” is invalid.")
}

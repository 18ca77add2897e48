// Package notifier stands in for github.com/prashantgupta24/mac-sleep-notifier,
// of which vfkit uses this much: it tells when a Mac sleeps and wakes up. This
// one wakes up, without having slept, at each line of the FIFO that VZ_WAKES
// names.
package notifier

import (
	"bufio"
	"os"
)

// Type is what has happened.
type Type string

// Awake is that the Mac has woken up.
const Awake Type = "awake"

// Activity is an event.
type Activity struct{ Type Type }

// Notifier tells of events.
type Notifier struct{}

// GetInstance returns the only one.
func GetInstance() *Notifier { return &Notifier{} }

// Start returns the events.
func (*Notifier) Start() chan *Activity {
	events := make(chan *Activity)
	fifo, err := os.OpenFile(os.Getenv("VZ_WAKES"), os.O_RDWR, 0) // which never ends
	if err != nil {
		return events
	}
	go func() {
		for lines := bufio.NewScanner(fifo); lines.Scan(); {
			events <- &Activity{Type: Awake}
		}
	}()
	return events
}

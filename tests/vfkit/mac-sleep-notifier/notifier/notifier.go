// Package notifier stands in for github.com/prashantgupta24/mac-sleep-notifier,
// of which vfkit uses this much: it tells when a Mac sleeps and wakes up. This
// one never does.
package notifier

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
func (*Notifier) Start() chan *Activity { return make(chan *Activity) }

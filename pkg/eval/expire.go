package eval

import "os"

// rooted returns what the root called link keeps so far, "" for nothing.
func (e *evaluation) rooted(link string) string {
	if e.NoLink {
		return ""
	}
	target, _ := os.Readlink(e.vm.Root(link))
	return target
}

// expired says that the system of an earlier evaluation has lost its root to
// now, so that a document that was kept of it may not boot for long.
func (e *evaluation) expired(before, now string) {
	if e.Say == nil || before == "" || before == now {
		return
	}
	if _, err := os.Lstat(before); err != nil {
		return
	}
	e.Say(Note, e.name+": "+before+", from an earlier evaluation, is now protected from garbage collection only while its VM runs")
}

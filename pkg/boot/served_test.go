package boot

import (
	"testing"
	"time"
)

// TestNextLook: a share that no guest mounts is looked at rarely, and at once again
// when its helper opens something.
func TestNextLook(t *testing.T) {
	pause, looks := pollServed, 0
	for waited := time.Duration(0); waited < time.Minute; waited += pause {
		pause = nextLook(pause, false)
		looks++
	}
	if looks > 350 || pause != rarelyServed {
		t.Errorf("%d looks in a minute, %v between the last ones", looks, pause)
	}
	if pause := nextLook(pause, true); pause != pollServed {
		t.Errorf("%v after something was opened", pause)
	}
}

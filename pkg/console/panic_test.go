package console

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestPanic(t *testing.T) {
	const (
		boot   = "[    0.000000] Linux version 6.1\r\nstarting\r\n"
		reason = "Attempted to kill init! exitcode=0x00000100"
		first  = "[    2.718281] Kernel panic - not syncing: " + reason + "\r\n"
		report = "[    2.718300] CPU: 0 PID: 1 Comm: init Not tainted 6.1\r\n[    2.718400] Call Trace:\r\n[    2.718500]  <TASK>\r\n"
		again  = "[    2.718600] Rebooting in 5 seconds..\r\n"
		end    = "[    2.718600] ---[ end Kernel panic - not syncing: " + reason + " ]---\r\n"
	)
	tests := []struct {
		name, output    string
		ended, panicked bool
	}{
		{"nothing", "", false, false},
		{"no panic", boot, false, false},
		{"panic=5", boot + first + report + again, true, true},
		{"panic=0", boot + first + report + end, true, true},
		{"panic=-1", boot + first + report, false, true},
		{"without times", "Kernel panic - not syncing: " + reason + "\nRebooting in 5 seconds..", false, false},
		{"typed at a prompt", boot + "# Kernel panic - not syncing: " + reason + "\r\n# Rebooting in 5 seconds..", false, false},
		{"typed after a time", boot + "[    2.0] # Kernel panic - not syncing: " + reason + "\r\n[    2.0] # Rebooting in 5 seconds..", false, false},
		{"of a kernel that is older", boot + "[   99.000000] usb 1-1: new device\r\n" + first + report + again, false, false},
		{"long ago", boot + "[   99.000000] usb 1-1: new device\r\n" + strings.Repeat("x\r\n", 1<<16) + first + report + again, false, false},
		{"of another start", boot + "[   99.000000] reboot: Restarting system\r\n" + boot + first + report + again, true, true},
		{"later than can be", boot + strings.ReplaceAll(first+report+again, "[    2.", "[ 9992."), false, false},
		{"after a time that cannot be", boot + "[99999999.000000] usb 1-1: new device\r\n" + first + report + again, true, true},
		{"by two CPUs", boot + first + report + strings.Replace(again, "2.718600", "2.718200", 1), true, true},
		{"with callers", strings.ReplaceAll(boot+first+again, "] ", "][    T1] "), true, true},
		{"a line that has only begun", first + report[:20], false, true},
		{"a report that is cut off", report + again, false, false},
		{"an old log and a prompt", boot + first + report + again + "$ ", false, false},
		{"an old log and a restart", boot + first + again + "[   99.000000] reboot: Restarting system\r\n", false, false},
		{"lines by somebody else", boot + first + "ls\r\n" + again, false, false},
	}
	for _, tt := range tests {
		got, ended, panicked := panicOf(tt.output)
		if ended != tt.ended || panicked != tt.panicked || (panicked && got != reason) {
			t.Errorf("%s: %q, %v, %v", tt.name, got, ended, panicked)
		}
	}
}

// panicOf is Panic of a VM that has run for two minutes.
func panicOf(output string) (reason string, ended, panicked bool) {
	var s Spread
	s.Begin(time.Now().Add(-2 * time.Minute))
	for part := range slices.Chunk([]byte(output), 1000) {
		s.write(part)
	}
	return s.Panic()
}

func FuzzPanic(f *testing.F) {
	f.Add("[    2.718281] Kernel panic - not syncing: reason\r\n[    2.718600] Rebooting in 5 seconds..\r\n")
	f.Add("[    2.7] ---[ end Kernel panic - not syncing: x ]---\n\x1b[0m")
	f.Fuzz(func(t *testing.T, output string) {
		if _, _, panicked := panicOf(output); !panicked {
			return
		}
		if _, _, panicked := panicOf(output + "\x1b\\\r\n$ "); panicked {
			t.Errorf("a prompt after %q makes no difference", output)
		}
	})
}

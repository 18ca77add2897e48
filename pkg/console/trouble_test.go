package console

import (
	"strings"
	"testing"
)

func TestFindTrouble(t *testing.T) {
	const (
		boot     = "Welcome to \x1b[1mNixOS\x1b[0m!\r\n\r\n[\x1b[0;32m  OK  \x1b[0m] Reached target Paths.\r\n"
		timedOut = "[\x1b[0;1;31m TIME \x1b[0m] Timed out waiting for device /dev/disk/by-label/nixos.\r\n"
		mode     = "You are in emergency mode. After logging in, type \"journalctl -xb\" to view\r\nsystem logs\r\n\r\nPress Enter for maintenance\r\n"
		job      = "\x1bM\r\x1b[K[ ***  ] (1 of 2) Job dev-sda.device/start running ("
	)
	tests := []struct{ name, output, what, last string }{
		{"a boot", boot + boot, "", ""},
		{"emergency mode", boot + timedOut + "[  OK  ] Started Emergency Shell.\r\n" + mode,
			"it is in emergency mode", "[ TIME ] Timed out waiting for device /dev/disk/by-label/nixos."},
		{"emergency mode, nothing before it", mode, "it is in emergency mode", ""},
		{"scripted stage 1", "mount: no such device\r\nAn error occurred in stage 1 of the boot process, which must mount the\r\n",
			"it is in emergency mode", "mount: no such device"},
		{"frozen", "[    3.1] systemd[1]: Freezing execution.\r\n", "its first process has stopped", "[    3.1] systemd[1]: Freezing execution."},
		{"frozen, once the journal was there", "[  147.9] systemd-journald[103]: Failed to send WATCHDOG=1 notification message: Connection refused\r\n",
			"its first process has stopped", "[  147.9] systemd-journald[103]: Failed to send WATCHDOG=1 notification message: Connection refused"},
		{"frozen, on the console", "[!!!!!!] Failed to start, freezing.\r\n[    3.1] x\r\n", "", ""},
		{"a job with a limit", boot + job + "5min 2s / 10min 31s)", "", ""},
		{"a job that has just begun", boot + job + "59s / no limit)", "", ""},
		{"a job of two minutes", boot + job + "2min 59s / no limit)", "", ""},
		{"a job without limit", boot + job + "3min 1s / no limit)", "it waits without limit for dev-sda.device",
			"[ ***  ] (1 of 2) Job dev-sda.device/start running (3min 1s / no limit)"},
		{"a job whose name is cut", boot + "[ ***  ] Job dev-disk-by\\x2dlabel-missing.de…tart running (3min 1s / no limit)",
			`it waits without limit for dev-disk-by\x2dlabel-missing.de…`, `[ ***  ] Job dev-disk-by\x2dlabel-missing.de…tart running (3min 1s / no limit)`},
		{"a job of hours", boot + job + "1h 2min / no limit)", "it waits without limit for dev-sda.device",
			"[ ***  ] (1 of 2) Job dev-sda.device/start running (1h 2min / no limit)"},
		{"a job that has ended", boot + job + "3min 1s / no limit)\r\n[  OK  ] Found device.\r\n", "", ""},
		{"a job, of older systemd", "[*** ] A start job is running for /dev/sda (4min 1s / no limit)", "it waits without limit for /dev/sda",
			"[*** ] A start job is running for /dev/sda (4min 1s / no limit)"},
		{"again and again", boot + boot + boot + timedOut + boot, "it begins its boot again and again",
			"[ TIME ] Timed out waiting for device /dev/disk/by-label/nixos."},
		{"again and again, newer systemd", strings.Repeat("\x1b[0;1;39mBooting initrd of \x1b[0m\x1b[0;38;2;126mNixOS 26.11 (Zokor)\x1b[0m.\x1b[0m\r\n", 4),
			"it begins its boot again and again", "Booting initrd of NixOS 26.11 (Zokor)."},
	}
	for _, tt := range tests {
		got, found := FindTrouble([]byte(tt.output), 0)
		if found != (tt.what != "") || got.What != tt.what || got.Last != tt.last {
			t.Errorf("%s: %+v, %v", tt.name, got, found)
		}
	}
}

func TestIsUp(t *testing.T) {
	for output, want := range map[string]bool{
		"nixos login: ":                         true,
		"nixos login: root (automatic login)":   true,
		"\x1b]3008;start=nixvf;type=session\a":  true,
		"[  OK  ] Reached target Login Prompts": false,
	} {
		if got := IsUp([]byte(output)); got != want {
			t.Errorf("%q: %v", output, got)
		}
	}
}

// TestRestarts: a guest that starts anew before its first process speaks.
func TestRestarts(t *testing.T) {
	for restarts, want := range []bool{false, false, false, true} {
		got, found := FindTrouble([]byte("[    1.0] x\r\n"), restarts)
		if found != want || found && got != (Trouble{"it begins its boot again and again", "[    1.0] x"}) {
			t.Errorf("%d: %+v, %v", restarts, got, found)
		}
		if _, found := FindTrouble(nil, restarts); found {
			t.Errorf("%d, of a guest that prints nothing: said", restarts)
		}
	}
}

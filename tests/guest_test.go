//go:build linux

package tests

import (
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestTerminalOfGuest does with a real guest what a person does.
func TestTerminalOfGuest(t *testing.T) {
	needGuest(t)
	tr := newTrial(t)
	document, env := guestDocument(tr, "nixvf.asks"), tr.env
	program := filepath.Join(bin, "nixvf-boot")
	const prompt = "nixvf-guest# "

	s := onScreen(t, document, env, program)
	s.expect(prompt)
	s.press("stty size\r") // at which nothing has been typed, whatever was asked at boot
	s.expect("stty size\r\n24 80\r\n")
	s.resize(33, 101)
	s.press("resize; stty size; echo $TERM\r")
	s.expect("33 101\r\nxterm-256color\r\n")
	s.expect(prompt)
	s.press("sleep 1000; echo sleep=$?\r")
	s.expect("sleep=$?\r\n")
	time.Sleep(time.Second)
	s.press("\x03")
	s.expect(prompt)
	s.press(`stty raw -echo; printf '\033[6n'; a=$(dd bs=6 count=1 2>/dev/null); stty sane; echo "answer=${a#?}"` + "\r")
	s.expect("answer=[5;7R\r\n")
	s.press("echo '" + strings.ReplaceAll(panicText, "\r\n", "'; echo '") + "'\r")
	s.expect("Rebooting in 5 seconds..\r\n")
	s.expect(prompt)
	time.Sleep(3 * time.Second)
	s.press("reboot -f\r")
	s.expect("nixvf-guest: root has a shell here")
	s.expect(prompt)
	s.press("echo still $((40+2))\r")
	s.expect("still 42\r\n")
	s.press("poweroff\r")
	s.end(0)

	vm, status, said := detach(t, document, env)
	if status != 0 {
		t.Fatalf("--detach: status %d, %q", status, said)
	}
	expectFile(t, vm.Console, prompt)
	s = onScreen(t, document, env, program, "attach", vm.ID)
	s.pressUntil("echo back $((40+2))\r")
	s.expect("back 42\r\n")
	s.press("\x1dd")
	s.end(0)
	s = onScreen(t, document, env, program, "attach", vm.ID)
	s.pressUntil("\r")
	s.press("\x1d.")
	s.end(0)

	s = onScreen(t, document, env, program)
	s.expect(prompt)
	s.resize(33, 101)
	s.press("\x1dd")
	s.expect(" runs on as process ")
	s.end(0)
	s = onScreen(t, document, env, program, "attach", vm.ID)
	s.pressUntil("\r")
	killVMM(t, tr.mark())
	s.end(128 + int(syscall.SIGKILL))
	s.settle()
	const killed = "nixvf-boot: qemu was ended by a signal: killed\r\n"
	if text := s.text(); !strings.Contains(text, killed) || strings.Contains(text, "virtiofsd ended") { // that has only lost its VMM
		t.Errorf("the screen holds %q", text)
	}
}

// guestDocument evaluates the test guest's flake into the trial's launch.json,
// whose path it returns, with more parameters for the kernel.
func guestDocument(tr *trial, params ...string) string {
	tr.t.Helper()
	flake := filepath.Join(tr.dir, "flake")
	if out, err := exec.Command("guest/make-flake", flake).CombinedOutput(); err != nil {
		tr.t.Fatalf("make-flake: %v\n%s", err, out)
	}
	cmd, out := tr.start("export NIXVF_KERNEL_PARAMS='" + strings.Join(params, " ") + "'; cd flake && nixvf-eval .#darwinVM | nixvf-args >../launch.json")
	if err := cmd.Wait(); err != nil {
		tr.t.Fatalf("evaluating the guest: %v\n%s", err, out)
	}
	return filepath.Join(tr.dir, "launch.json")
}

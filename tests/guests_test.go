//go:build linux

package tests

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// guests are what the stand-in's guest can do on its console, by the name of
// each in STANDIN. Beside these it can end at once ("poweroff"), fail ("crash"),
// hear no request to stop ("deaf") or not the first one ("boots"), or take its
// time for it ("slow").
var guests = map[string]func(out io.Writer, in io.Reader){
	"":       echo,
	"deaf":   echo,
	"boots":  echo,
	"slow":   echo,
	"asks":   ask,
	"login":  logIn,
	"sleeps": func(io.Writer, io.Reader) {}, // it takes no input
	"flood":  flood,
	"reboot": reboot,
	"panic":  panicAgain,
	"shows":  showPanic,
}

// shutDown takes its time, and says when it is done.
func shutDown(console io.Writer) {
	for range 5 {
		time.Sleep(100 * time.Millisecond)
		fmt.Fprint(console, "stopping\r\n")
	}
	note("stopped")
}

// echo sends back what it reads.
func echo(out io.Writer, in io.Reader) { _, _ = io.Copy(out, in) }

// bootQuestions are what systemd and others ask the terminal while a guest
// boots: where the cursor is, what the terminal is, which colours and modes it
// has, and its name (xterm's ctlseqs.html).
const bootQuestions = "\x1b[6n\x1b[c\x1b[>c\x1b]11;?\x1b\\\x1b]4;1;?\x07\x1b[?2026$p\x1bP+q544e\x1b\\\x1b[>q"

// ask asks the terminal while it boots, and again at each key "@". It sends back
// what it reads, legibly.
func ask(out io.Writer, in io.Reader) {
	fmt.Fprint(out, bootQuestions+asksSize+"login: ")
	keys := bufio.NewReader(in)
	for {
		key, err := keys.ReadByte()
		if err != nil {
			return
		}
		fmt.Fprint(out, legible(string(key)))
		if key == '@' {
			fmt.Fprint(out, bootQuestions)
		}
	}
}

// legible is text as it can be read on a terminal.
func legible(text string) string { return strings.Trim(strconv.Quote(text), `"`) }

// logIn boots in the same way, and lets somebody in without a password, whose
// shell asks the terminal too.
func logIn(out io.Writer, in io.Reader) {
	fmt.Fprint(out, bootQuestions)
	time.Sleep(500 * time.Millisecond)
	fmt.Fprint(out, sessionBegins+"$ ")
	ask(out, in)
}

// sessionBegins is what the module's login script says.
const sessionBegins = "\x1b]3008;start=nixvf;type=session\a"

// flood prints 4 MiB, says in the file STANDIN_FLOODED that it has, and then
// sends back what it reads.
func flood(out io.Writer, in io.Reader) {
	for range 1 << 16 {
		fmt.Fprintf(out, "%s\r\n", strings.Repeat("x", 62))
	}
	if err := os.WriteFile(os.Getenv("STANDIN_FLOODED"), []byte("flooded"), 0o600); err != nil {
		fmt.Fprint(out, err)
	}
	echo(out, in)
}

// reboot starts anew, which vfkit does not notice: Virtualization.framework
// tells it of a guest that has stopped only.
func reboot(out io.Writer, in io.Reader) {
	time.Sleep(200 * time.Millisecond)
	fmt.Fprint(out, "[    9.000000] reboot: Restarting system\r\n")
	time.Sleep(200 * time.Millisecond)
	fmt.Fprint(out, "stand-in guest is up again\r\n")
	echo(out, in)
}

// panicText is what Linux prints when it panics, with panic=5.
const panicText = "[    1.234567] Run /init as init process\r\n" +
	"[    1.345678] Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000100\r\n" +
	"[    1.345679] CPU: 0 PID: 1 Comm: init Not tainted 6.1.0\r\n" +
	"[    1.345680] Call Trace:\r\n" +
	"[    1.345681] Rebooting in 5 seconds..\r\n"

// panicAgain panics and starts anew, for ever.
func panicAgain(out io.Writer, _ io.Reader) {
	for {
		fmt.Fprint(out, panicText)
		time.Sleep(5 * time.Second)
		fmt.Fprint(out, "stand-in guest is up again\r\n")
	}
}

// showPanic shows an old panic's text to somebody at its prompt.
func showPanic(out io.Writer, in io.Reader) {
	fmt.Fprint(out, panicText+"$ ")
	echo(out, in)
}

// reportSizes prints the console's size when it has changed, once there is a
// signal for that. vfkit would ignore it.
func reportSizes(console io.Writer) {
	resized := make(chan os.Signal, 1)
	signal.Notify(resized, syscall.SIGWINCH)
	for last := size(); ; <-resized {
		if now := size(); now != last {
			last = now
			fmt.Fprint(console, now)
		}
	}
}

func size() string {
	s, err := unix.IoctlGetWinsize(int(os.Stdin.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return ""
	}
	return fmt.Sprintf("size is %d %d\r\n", s.Row, s.Col)
}

// untilStopped waits for whatever stops the VM.
func untilStopped(console io.Writer, signals <-chan os.Signal, stop <-chan string) error {
	deaf := os.Getenv("STANDIN") == "deaf"
	boots := os.Getenv("STANDIN") == "boots"
	for {
		select {
		case sig := <-signals:
			fmt.Fprintf(os.Stderr, "captured %v, calling exit handlers and exiting..\n", sig)
			if deaf {
				time.Sleep(5 * time.Second) // and then vfkit forces it
			}
			return nil
		case state := <-stop:
			fmt.Fprintf(console, "asked to %s\r\n", state)
			if os.Getenv("STANDIN") == "slow" {
				shutDown(console)
			}
			if state == "HardStop" || !deaf && !boots {
				return nil
			}
			boots = false
		}
	}
}

//go:build linux

package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"github.com/Code-Hex/vz/v3/machine"
)

// guests are what a guest can do, by its name in VZ_GUEST. Each returns true when
// it has stopped, false when its machine is to die.
var guests map[string]func(*VM) bool

func init() {
	guests = map[string]func(*VM) bool{
		"":         echoes((*VM).hears),
		"deaf":     echoes((*VM).isDeaf),
		"boots":    echoes((*VM).hearsTwice), // the first request comes too early for it
		"slow":     echoes((*VM).takesTime),
		"asks":     talks(ask),
		"login":    talks(logIn),
		"sleeps":   talks(func(*VM) {}), // it takes no input
		"flood":    talks(flood),
		"reboot":   talks(reboot),
		"panic":    panicAgain,
		"shows":    talks(showPanic),
		"lies":     talks(lie),
		"mess":     leaveMess,
		"stream":   talks(stream),
		"stuck":    talks(stick),
		"chatty":   talks(chat),
		"poweroff": powerOff,
		"dies":     die,
		"panics-at-stop": func(vm *VM) bool {
			up(vm)
			<-vm.asked
			panicAtStop(vm)
			return (*VM).isDeaf(vm)
		},
		"qemu": runQEMU,
	}
}

func up(vm *VM) { fmt.Fprint(vm.out, "stand-in guest is up\r\n") }

// talks is a guest that does something on its console and hears a request to
// stop.
func talks(does func(*VM)) func(*VM) bool {
	return func(vm *VM) bool {
		size := vm.size()
		up(vm)
		go reportSizes(vm, size)
		go does(vm)
		return vm.hears()
	}
}

// echoes is a guest that sends back what it reads.
func echoes(until func(*VM) bool) func(*VM) bool {
	return func(vm *VM) bool {
		size := vm.size()
		up(vm)
		go reportSizes(vm, size)
		go echo(vm)
		return until(vm)
	}
}

func echo(vm *VM) { _, _ = io.Copy(vm.out, vm.in) }

func (vm *VM) hears() bool { <-vm.asked; return true }

func (vm *VM) isDeaf() bool { select {} }

func (vm *VM) hearsTwice() bool { <-vm.asked; return vm.hears() }

// takesTime needs half a second to shut down, or VZ_SLOW_MS.
func (vm *VM) takesTime() bool {
	<-vm.asked
	for range 5 {
		time.Sleep(machine.Duration("SLOW_MS", 500) / 5)
		fmt.Fprint(vm.out, "stopping\r\n")
	}
	return true
}

func powerOff(vm *VM) bool { up(vm); return true }

// die has the machine die with its guest running.
func die(vm *VM) bool {
	up(vm)
	time.Sleep(300 * time.Millisecond)
	return false
}

// bootQuestions are what systemd and others ask the terminal while a guest
// boots: where the cursor is, what the terminal is, which colours and modes it
// has, and its name (xterm's ctlseqs.html).
const bootQuestions = "\x1b[6n\x1b[c\x1b[>c\x1b]11;?\x1b\\\x1b]4;1;?\x07\x1b[?2026$p\x1bP+q544e\x1b\\\x1b[>q"

// asksSize asks for the text area's size, in characters.
const asksSize = "\x1b[18t"

// ask asks the terminal while it boots, and again at each key "@". It sends back
// what it reads, legibly.
func ask(vm *VM) {
	fmt.Fprint(vm.out, bootQuestions+asksSize+"login: ")
	keys := bufio.NewReader(vm.in)
	for {
		key, err := keys.ReadByte()
		if err != nil {
			return
		}
		fmt.Fprint(vm.out, strings.Trim(strconv.Quote(string(key)), `"`))
		if key == '@' {
			fmt.Fprint(vm.out, bootQuestions)
		}
	}
}

// logIn boots in the same way, and lets somebody in without a password, whose
// shell asks the terminal too.
func logIn(vm *VM) {
	fmt.Fprint(vm.out, bootQuestions)
	time.Sleep(500 * time.Millisecond)
	fmt.Fprint(vm.out, "\x1b]3008;start=nixvf;type=session\a$ ") // what the module's login script says
	ask(vm)
}

// flood prints 4 MiB, says in the file VZ_FLOODED that it has, and then sends
// back what it reads.
func flood(vm *VM) {
	for range 1 << 16 {
		fmt.Fprintf(vm.out, "%s\r\n", strings.Repeat("x", 62))
	}
	if err := os.WriteFile(machine.Setting("FLOODED"), []byte("flooded"), 0o600); err != nil {
		fmt.Fprint(vm.out, err)
	}
	echo(vm)
}

// chat prints a line every 100 ms.
func chat(vm *VM) {
	for i := 0; ; i++ {
		fmt.Fprintf(vm.out, "line %d\r\n", i)
		time.Sleep(100 * time.Millisecond)
	}
}

// reboot starts anew, which the framework does not tell.
func reboot(vm *VM) {
	time.Sleep(200 * time.Millisecond)
	fmt.Fprint(vm.out, "[    9.000000] reboot: Restarting system\r\n")
	time.Sleep(200 * time.Millisecond)
	fmt.Fprint(vm.out, "stand-in guest is up again\r\n")
	echo(vm)
}

// panicText is what Linux prints when it panics, with panic=5.
const panicText = "[    1.234567] Run /init as init process\r\n" +
	"[    1.345678] Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000100\r\n" +
	"[    1.345679] CPU: 0 PID: 1 Comm: init Not tainted 6.1.0\r\n" +
	"[    1.345680] Call Trace:\r\n" +
	"[    1.345681] Rebooting in 5 seconds..\r\n"

// panicAgain panics and starts anew, for ever.
func panicAgain(vm *VM) bool {
	up(vm)
	vm.panicked.Store(true)
	for {
		fmt.Fprint(vm.out, panicText)
		time.Sleep(5 * time.Second)
		fmt.Fprint(vm.out, "stand-in guest is up again\r\n")
	}
}

// showPanic shows an old panic's text to somebody at its prompt.
func showPanic(vm *VM) {
	fmt.Fprint(vm.out, panicText+"$ ")
	echo(vm)
}

// lie prints a panic's text and goes on, as one that watches another machine's
// log does.
func lie(vm *VM) { fmt.Fprint(vm.out, panicText) }

// leaveMess leaves a terminal as a program does that was killed: on its other
// screen, with the mouse on, in colour and with a question that is not answered
// yet.
func leaveMess(vm *VM) bool {
	up(vm)
	<-vm.asked
	fmt.Fprint(vm.out, "\x1b[?1049h\x1b[?1002h\x1b[?1006;2004h\x1b[31;1mred\x1b[6n\x1b[c")
	return true
}

// stream prints without end.
func stream(vm *VM) {
	for {
		fmt.Fprint(vm.out, "y\r\n")
	}
}

// stick comes no further than emergency mode.
func stick(vm *VM) {
	fmt.Fprint(vm.out, "[\x1b[0;1;31m TIME \x1b[0m] Timed out waiting for device /dev/disk/by-label/nixos.\r\n"+
		"You are in emergency mode. After logging in, type \"journalctl -xb\" to view\r\nsystem logs.\r\n\r\nPress Enter to continue.")
	echo(vm)
}

// panicAtStop panics while it shuts down, and stays so, as with panic=0.
func panicAtStop(vm *VM) {
	time.Sleep(time.Second)
	vm.panicked.Store(true)
	fmt.Fprint(vm.out, strings.Replace(panicText, "Rebooting in 5 seconds..",
		"---[ end Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000100 ]---", 1))
}

// reportSizes prints the console's size when it is not the last one any more, for
// tests that want to know. A guest of the framework would not learn of it.
func reportSizes(vm *VM, last string) {
	for ; ; time.Sleep(20 * time.Millisecond) {
		if now := vm.size(); now != last {
			last = now
			fmt.Fprint(vm.out, now)
		}
	}
}

func (vm *VM) size() string {
	in, ok := vm.in.(*os.File)
	var size struct{ rows, columns, x, y uint16 }
	if !ok {
		return ""
	}
	_, _, err := syscall.Syscall(syscall.SYS_IOCTL, in.Fd(), syscall.TIOCGWINSZ, uintptr(unsafe.Pointer(&size)))
	if err != 0 {
		return ""
	}
	return fmt.Sprintf("size is %d %d\r\n", size.rows, size.columns)
}

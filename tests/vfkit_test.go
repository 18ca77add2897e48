//go:build linux

package tests

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/crc-org/vfkit/pkg/cmdline"
	"github.com/crc-org/vfkit/pkg/config"
	"golang.org/x/sys/unix"

	"github.com/nixvf/nixvf/pkg/vfkit"
)

// standIn is a program that behaves at its edges as vfkit does, without a
// Mac and without a VM: it reads the command line with vfkit's own parsers,
// locks its disk images, wants a terminal on stdin for a console on stdio and
// changes the modes there that vfkit changes, connects network cards to their
// sockets, listens on those of vsock ports, offers its REST calls, and stops on
// SIGTERM.
//
// As vfkit does by way of logrus, it logs to stderr what happens, down to
// --log-level. The environment variable STANDIN says what its guest does
// (guests); STANDIN_LOG names a file for what it was started with.
func standIn() {
	if err := runStandIn(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "Error:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

func runStandIn(args []string) error {
	if slices.Contains(args, "--version") {
		version := os.Getenv("STANDIN_VERSION")
		if version == "" {
			version = "v0.6.3"
		}
		fmt.Println("vfkit version:", version)
		return nil
	}
	opts, vm, err := vfkit.Parse(args)
	if err != nil {
		return err
	}
	if err := record(args); err != nil {
		return err
	}
	info, err := logger(opts.LogLevel)
	if err != nil {
		return err
	}
	info("virtual machine parameters:")
	if err := lockImages(vm); err != nil {
		return err
	}
	console, err := openConsole(vm)
	if err != nil {
		return err
	}
	for _, card := range config.FilterDevices[*config.VirtioNet](vm) {
		if err := plugIn(card); err != nil {
			return err
		}
	}
	for _, port := range config.FilterDevices[*config.VirtioVsock](vm) {
		at, err := url.Parse("unix://:" + port.SocketURL)
		if err == nil {
			_, err = net.Listen("unix", at.EscapedPath())
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "vsock:", err) // no more than a warning, as in vfkit
		}
	}
	stop := make(chan string, 8)
	var state atomic.Value
	state.Store("VirtualMachineStateStarting")
	if opts.RestfulURI != cmdline.DefaultRestfulURI {
		if err := serveREST(opts.RestfulURI, stop, &state); err != nil {
			return err
		}
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	fmt.Fprintf(console, "stand-in guest is up\r\n")
	switch os.Getenv("STANDIN") {
	case "poweroff":
		return nil
	case "crash":
		return errors.New("the stand-in's guest crashed")
	}
	state.Store("VirtualMachineStateRunning")
	info("virtual machine is running")
	go guests[os.Getenv("STANDIN")](console, os.Stdin)
	go reportSizes(console)
	return untilStopped(console, signals, stop)
}

// logger returns what logs a line of level info, if level is not above that.
func logger(level string) (info func(string), err error) {
	switch level {
	case "", "info", "debug":
		return func(text string) {
			fmt.Fprintf(os.Stderr, "time=%q level=info msg=%q\n", time.Now().Format(time.RFC3339), text)
		}, nil
	case "error":
		return func(string) {}, nil
	}
	return nil, fmt.Errorf("unknown log level: %s", level)
}

// lockImages locks disk images for as long as the process lives, as
// Virtualization.framework does: a second VM on one fails.
func lockImages(vm *config.VirtualMachine) error {
	for _, disk := range config.FilterDevices[*config.VirtioBlk](vm) {
		fd, err := unix.Open(disk.ImagePath, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err == nil && !disk.ReadOnly {
			err = unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB)
		}
		if err != nil {
			return fmt.Errorf("the storage device attachment is invalid: %s: %w", disk.ImagePath, err)
		}
	}
	return nil
}

// plugIn connects a card to its socket as vfkit does, from a socket of its own
// beside it, and with vfkit's greeting. The guest behind it is at 10.0.2.15:
// it answers ARP and sends datagrams back.
func plugIn(card *config.VirtioNet) error {
	if card.UnixSocketPath == "" {
		return nil
	}
	local := fmt.Sprintf("%s/vfkit-%x.sock", filepath.Dir(card.UnixSocketPath), os.Getpid())
	conn, err := net.DialUnix("unixgram", &net.UnixAddr{Name: local, Net: "unixgram"},
		&net.UnixAddr{Name: card.UnixSocketPath, Net: "unixgram"})
	if err != nil {
		return err
	}
	if card.VfkitMagic {
		if _, err := conn.Write([]byte("VFKT")); err != nil {
			return err
		}
	}
	go func() {
		frame := make([]byte, 2048)
		for {
			n, err := conn.Read(frame)
			if err != nil {
				return
			}
			if turnAround(frame[:n], card.MacAddress) {
				_, _ = conn.Write(frame[:n])
			}
		}
	}()
	return nil
}

// turnAround makes a frame its own answer: an ARP request (RFC 826) for
// 10.0.2.15, or a UDP datagram, whose checksums do not mind that the ends
// change places. It reports whether there is one.
func turnAround(frame []byte, mac net.HardwareAddr) bool {
	swap := func(i, j, size int) {
		for k := range size {
			frame[i+k], frame[j+k] = frame[j+k], frame[i+k]
		}
	}
	const arp, ip, udp = 14, 14, 34 // offsets, without IP options
	switch {
	case len(frame) >= arp+28 && frame[12] == 8 && frame[13] == 6 && frame[arp+7] == 1:
		if !bytes.Equal(frame[arp+24:arp+28], []byte{10, 0, 2, 15}) {
			return false
		}
		frame[arp+7] = 2
		swap(arp+8, arp+18, 10)
		copy(frame[arp+8:], mac)
	case len(frame) >= udp+8 && frame[12] == 8 && frame[13] == 0 && frame[ip+9] == 17:
		swap(ip+12, ip+16, 4)
		swap(udp, udp+2, 2)
	default:
		return false
	}
	copy(frame, frame[6:12])
	copy(frame[6:], mac)
	return true
}

// record writes down the arguments, the process and its open-files limit.
func record(args []string) error {
	path := os.Getenv("STANDIN_LOG")
	if path == "" {
		return nil
	}
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return err
	}
	session, err := unix.Getsid(0)
	if err != nil {
		return err
	}
	text := fmt.Sprintf("pid %d\nsession %d\nopen files %d of %d\n%s\n",
		os.Getpid(), session, limit.Cur, limit.Max, strings.Join(args, "\n"))
	return os.WriteFile(path, []byte(text), 0o600)
}

// note adds to what record has written down.
func note(text string) {
	f, err := os.OpenFile(os.Getenv("STANDIN_LOG"), os.O_WRONLY|os.O_APPEND, 0)
	if err == nil {
		defer f.Close()
		fmt.Fprintln(f, text)
	}
}

// openConsole returns the writer of the guest's first console.
func openConsole(vm *config.VirtualMachine) (io.Writer, error) {
	for _, serial := range config.FilterDevices[*config.VirtioSerial](vm) {
		switch {
		case serial.UsesStdio:
			return os.Stdout, clearModes(int(os.Stdin.Fd()))
		case serial.LogFile != "":
			return os.Create(serial.LogFile)
		}
	}
	return io.Discard, nil
}

// clearModes clears of a terminal's modes those that vfkit clears, and fails
// as vfkit does where there is no terminal.
func clearModes(fd int) error {
	modes, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return err
	}
	modes.Iflag &^= unix.ICRNL
	modes.Lflag &^= unix.ICANON | unix.ECHO
	return unix.IoctlSetTermios(fd, unix.TCSETS, modes)
}

// serveREST offers vfkit's calls on a Unix socket. A file that is there
// already makes bind fail, as it does in vfkit.
func serveREST(uri string, stop chan<- string, state *atomic.Value) error {
	at, err := url.ParseRequestURI(uri)
	if err != nil {
		return err
	}
	listener, err := net.Listen("unix", at.Path)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /vm/state", func(w http.ResponseWriter, r *http.Request) {
		var body struct{ State string }
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.WriteHeader(http.StatusAccepted)
		stop <- body.State
	})
	mux.HandleFunc("GET /vm/state", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `{"state": %q}`, state.Load())
	})
	mux.HandleFunc("GET /vm/inspect", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, `{"vcpus": 1, "devices": [{"kind": "virtioserial", "ptyName": "/dev/ttys042"}]}`)
	})
	go http.Serve(listener, mux) // ends with the process
	return nil
}

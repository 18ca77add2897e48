//go:build linux

package tests

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/crc-org/vfkit/pkg/cmdline"
	"github.com/crc-org/vfkit/pkg/config"
	"golang.org/x/sys/unix"

	"github.com/nixvf/nixvf/pkg/vfkit"
)

// standIn is a program that behaves at its edges as vfkit does, without a
// Mac and without a VM: it reads the command line with vfkit's own parsers,
// wants a terminal on stdin for a console on stdio and changes the modes there
// that vfkit changes, offers its REST calls, and stops on SIGTERM.
//
// The environment variable STANDIN says what its guest does: "poweroff" ends
// at once, "crash" fails, "deaf" hears no request to stop; else it runs until
// asked, sending back what it reads. STANDIN_LOG names a file for what it was
// started with.
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
	console, err := openConsole(vm)
	if err != nil {
		return err
	}
	stop := make(chan string, 8)
	if opts.RestfulURI != cmdline.DefaultRestfulURI {
		if err := serveREST(opts.RestfulURI, stop); err != nil {
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
	go io.Copy(console, os.Stdin)
	return guest(console, signals, stop)
}

// guest waits for whatever stops it.
func guest(console io.Writer, signals <-chan os.Signal, stop <-chan string) error {
	deaf := os.Getenv("STANDIN") == "deaf"
	for {
		select {
		case <-signals:
			if deaf {
				time.Sleep(5 * time.Second) // and then vfkit forces it
			}
			return nil
		case state := <-stop:
			fmt.Fprintf(console, "asked to %s\r\n", state)
			if state == "HardStop" || !deaf {
				return nil
			}
		}
	}
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
func serveREST(uri string, stop chan<- string) error {
	listener, err := net.Listen("unix", strings.TrimPrefix(uri, "unix://"))
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
	mux.HandleFunc("GET /vm/inspect", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, `{"vcpus": 1, "devices": [{"kind": "virtioserial", "ptyName": "/dev/ttys042"}]}`)
	})
	go http.Serve(listener, mux) // ends with the process
	return nil
}

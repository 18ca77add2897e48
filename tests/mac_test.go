//go:build linux

package tests

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// asOnMac is true when the tools lack what macOS lacks: NIXVF_AS_ON_MAC is set.
var asOnMac = os.Getenv("NIXVF_AS_ON_MAC") != ""

// macParts are the parts of the tools that are replaced then. Where the tools
// have a file for other systems than Linux, that one takes the place of Linux'
// own. Else calls are replaced by calls of a function that does what macOS does.
var macParts = struct {
	files map[string]string
	calls []macCall
}{
	// No parent-death signal.
	files: map[string]string{
		"pkg/child/attributes_linux.go": "pkg/child/attributes_other.go",
		"pkg/nix/parent_linux.go":       "pkg/nix/parent_other.go",
	},
	calls: []macCall{
		{"unix.Poll", "pollAsOnMac", macPoll},
		{"pty.Open", "openPtyAsOnMac", macPty},
	},
}

// macCall is a function, the one in its place, and that one's source.
type macCall struct{ of, by, source string }

// macPoll waits for nothing where there is nothing to wait for: xnu registers
// nothing for a descriptor without events (bsd/kern/sys_generic.c,
// poll_nocancel), so not even a hang-up ends the wait.
const macPoll = `
import "golang.org/x/sys/unix"

func pollAsOnMac(fds []unix.PollFd, timeout int) (int, error) {
	for _, fd := range fds {
		if fd.Events != 0 {
			return unix.Poll(fds, timeout)
		}
	}
	if timeout < 0 {
		select {}
	}
	return unix.Poll(nil, timeout)
}
`

// macPty opens a master that blocks, as creack/pty does on macOS (pty_darwin.go):
// no deadline and no Close ends what waits for it.
const macPty = `
import (
	"os"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

func openPtyAsOnMac() (*os.File, *os.File, error) {
	master, slave, err := pty.Open()
	if err != nil {
		return nil, nil, err
	}
	defer master.Close()
	fd, err := unix.FcntlInt(master.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, nil, err
	}
	return os.NewFile(uintptr(fd), master.Name()), slave, unix.SetNonblock(fd, false)
}
`

// macOverlay writes into dir what "go build -overlay" wants to build the tools
// so, and returns that file's path.
func macOverlay(dir string) (string, error) {
	root, err := filepath.Abs("..")
	if err != nil {
		return "", err
	}
	o := overlay{dir: dir, calls: map[string]bool{}, Replace: map[string]string{}}
	for file, by := range macParts.files {
		source, err := os.ReadFile(filepath.Join(root, by))
		if err == nil {
			err = o.replace(filepath.Join(root, file), bytes.Replace(source, []byte("//go:build !linux\n"), nil, 1))
		}
		if err != nil {
			return "", err
		}
	}
	sources, err := filepath.Glob(filepath.Join(root, "pkg/*/*.go"))
	if err != nil {
		return "", err
	}
	for _, file := range sources {
		if err := o.replaceCalls(file); err != nil {
			return "", err
		}
	}
	for _, call := range macParts.calls {
		if !o.calls[call.of] {
			return "", fmt.Errorf("the tools call no %s any more, which macOverlay replaces", call.of)
		}
	}
	text, err := json.Marshal(o)
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "overlay.json")
	return path, os.WriteFile(path, text, 0o600)
}

// overlay is the file for -overlay: which file is read in the place of which.
type overlay struct {
	dir     string
	calls   map[string]bool // that were found
	Replace map[string]string
}

func (o overlay) replace(file string, source []byte) error {
	at := filepath.Join(o.dir, strings.ReplaceAll(file, "/", "_"))
	o.Replace[file] = at
	return os.WriteFile(at, source, 0o600)
}

// replaceCalls replaces those in a file, and adds what they call to its package.
func (o overlay) replaceCalls(file string) error {
	source, err := os.ReadFile(file)
	if err != nil || strings.HasSuffix(file, "_test.go") {
		return err
	}
	text := string(source)
	for _, call := range macParts.calls {
		if !strings.Contains(text, call.of+"(") {
			continue
		}
		o.calls[call.of] = true
		text = strings.ReplaceAll(text, call.of+"(", call.by+"(")
		dir := filepath.Dir(file)
		added := filepath.Join(dir, strings.ToLower(call.by)+".go")
		if err := o.replace(added, []byte("package "+filepath.Base(dir)+"\n"+call.source)); err != nil {
			return err
		}
	}
	if text == string(source) {
		return nil
	}
	if !strings.Contains(text, "pty.") {
		text = strings.Replace(text, "\t\"github.com/creack/pty\"\n", "", 1)
	}
	return o.replace(file, []byte(text))
}

package ssh

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// included is the line that makes ssh read the blocks of all VMs, state being the
// directory that has theirs.
func included(state string) (string, error) {
	if strings.ContainsAny(state, "\"*?[\\\n") {
		return "", fmt.Errorf("%q cannot be in a line of ssh's configuration", state)
	}
	return `Include "` + escape(state) + `/*/ssh_config"` + "\n", nil
}

// Install puts the line that makes ssh know the VMs in front of its configuration
// file, once, and reports whether that has changed.
func Install(file, state string) (changed bool, err error) {
	line, err := included(state)
	if err != nil {
		return false, err
	}
	return edit(file, func(text string) string {
		if strings.Contains("\n"+text, "\n"+line) {
			return text
		}
		return line + text
	})
}

// Uninstall takes the line away.
func Uninstall(file, state string) (changed bool, err error) {
	line, err := included(state)
	if err != nil {
		return false, err
	}
	return edit(file, func(text string) string {
		return strings.TrimPrefix(strings.ReplaceAll("\n"+text, "\n"+line, "\n"), "\n")
	})
}

// edit changes a file of the user's as a whole, or not at all. A link leads to the
// file that is meant, as with a home that is a repository. Who may use it stays.
func edit(file string, change func(string) string) (changed bool, err error) {
	file, mode, text, err := lookAt(file)
	if err != nil {
		return false, err
	}
	now := change(text)
	if now == text {
		return false, nil
	}
	f, err := os.CreateTemp(filepath.Dir(file), ".nixvf-*")
	if err != nil {
		return false, err
	}
	defer os.Remove(f.Name()) // unless it is the file by then
	_, err = f.WriteString(now)
	if err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close()); err != nil {
		return false, err
	}
	return true, os.Rename(f.Name(), file)
}

// lookAt returns the real path, the mode and the text of a file, which may be
// missing.
func lookAt(file string) (path string, mode fs.FileMode, text string, err error) {
	real, err := filepath.EvalSymlinks(file)
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Lstat(file); err == nil {
			return "", 0, "", fmt.Errorf("%s: a broken link", file)
		}
		return file, 0o600, "", os.MkdirAll(filepath.Dir(file), 0o700)
	}
	if err != nil {
		return "", 0, "", err
	}
	info, err := os.Lstat(real)
	if err != nil {
		return "", 0, "", err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !info.Mode().IsRegular() || !ok || int(stat.Uid) != os.Getuid() {
		return "", 0, "", fmt.Errorf("%s: not a file of this user's own", real)
	}
	data, err := os.ReadFile(real)
	return real, info.Mode().Perm(), string(data), err
}

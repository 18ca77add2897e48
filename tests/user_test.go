//go:build linux

package tests

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// asUser is true when the tests are to run as an ordinary user, who owns nothing
// of what is there and cannot read root's home: NIXVF_AS_USER is set. For those
// who are not root, they always do.
var asUser = os.Getenv("NIXVF_AS_USER") != "" && os.Getuid() == 0

// builtEnv names the directory with what root has built for that user.
const builtEnv = "NIXVF_BUILT"

// runAsUser runs the tests once more, as the user nobody, and returns their exit
// status. The tools are in dir/bin; all else that the tests read is copied there
// too.
func runAsUser(dir string) int {
	tmp, err := os.MkdirTemp("", "u") // a short name: sockets lie below it
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(tmp)
	cmd, err := userCommand(dir, tmp)
	if err == nil {
		err = cmd.Run()
	}
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return exit.ExitCode()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func userCommand(dir, tmp string) (*exec.Cmd, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	vfkit, err := buildVfkit()
	if err != nil {
		return nil, err
	}
	cache := filepath.Join(dir, "home/.cache/nixvf-tests")
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return nil, err
	}
	for _, c := range [][2]string{
		{self, "tests.test"}, {".", "tests"}, {vfkit, "vfkit"},
		{filepath.Join(cacheDir(), "nixvf-tests/busybox"), "home/.cache/nixvf-tests/busybox"},
	} {
		if err := exec.Command("cp", "-r", c[0], filepath.Join(dir, c[1])).Run(); err != nil {
			return nil, fmt.Errorf("copy %s: %w", c[0], err)
		}
	}
	if err := exec.Command("chown", "-R", fmt.Sprintf("%d:%d", nobody, nobody), dir, tmp).Run(); err != nil {
		return nil, err
	}
	cmd := exec.Command(filepath.Join(dir, "tests.test"), slices.DeleteFunc(slices.Clone(os.Args[1:]), isTestLog)...)
	cmd.Dir = filepath.Join(dir, "tests")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), builtEnv+"="+dir, "HOME="+filepath.Join(dir, "home"), "USER=nobody", "TMPDIR="+tmp, "XDG_CACHE_HOME=")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	return cmd, nil
}

// isTestLog reports whether an argument names a file of "go test" for what the
// tests read, which lies where this user writes nothing.
func isTestLog(arg string) bool { return strings.HasPrefix(arg, "-test.testlogfile=") }

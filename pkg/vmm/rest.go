package vmm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/tidwall/gjson"
	"golang.org/x/sys/unix"

	"github.com/nixvf/nixvf/pkg/fault"
	"github.com/nixvf/nixvf/pkg/vfkit"
)

// restWait bounds one request to vfkit.
const restWait = 2 * time.Second

// callVfkit sends one request to vfkit's REST interface (vfkit's doc/usage.md,
// section "Restful service") and returns the answer.
func callVfkit(at vfkit.Endpoint, method, path, body string) ([]byte, error) {
	client := http.Client{Timeout: restWait, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, at.Network, at.Address)
		},
	}}
	req, err := http.NewRequest(method, "http://vfkit"+path, bytes.NewReader([]byte(body)))
	if err != nil {
		return nil, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err == nil && resp.StatusCode/100 != 2 {
		err = Refusal(resp.Status)
		if reason := gjson.GetBytes(answer, "error").String(); reason != "" {
			err = Refusal(reason)
		}
	}
	return answer, err
}

func (v *vfkitVMM) Stop() error {
	_, err := callVfkit(v.rest, http.MethodPost, "/vm/state", `{"state": "Stop"}`)
	return err
}

func (v *vfkitVMM) Halt() error {
	_, err := callVfkit(v.rest, http.MethodPost, "/vm/state", `{"state": "HardStop"}`)
	return err
}

// Running asks vfkit whether its VM runs.
func (v *vfkitVMM) Running() (bool, error) {
	state, err := v.state()
	return state == "VirtualMachineStateRunning", err
}

// state is what vfkit calls its VM's state.
func (v *vfkitVMM) state() (string, error) {
	answer, err := callVfkit(v.rest, http.MethodGet, "/vm/state", "")
	return gjson.GetBytes(answer, "state").String(), err
}

func (v *vfkitVMM) Resume() error {
	state, err := v.state()
	if err == nil && state == "VirtualMachineStatePaused" {
		_, err = callVfkit(v.rest, http.MethodPost, "/vm/state", `{"state": "Resume"}`)
	}
	return err
}

func (v *vfkitVMM) Terminals() ([]string, error) {
	answer, err := callVfkit(v.rest, http.MethodGet, "/vm/inspect", "")
	if err != nil {
		return nil, err
	}
	var names []string
	for _, name := range gjson.GetBytes(answer, "devices.#.ptyName").Array() {
		if name.String() != "" {
			names = append(names, name.String())
		}
	}
	return names, nil
}

func (v *vfkitVMM) Sockets() map[string]string {
	if v.rest.Network != "unix" {
		return map[string]string{}
	}
	return map[string]string{"rest": v.rest.Address}
}

// checkControl looks at the REST interface that vfkit's arguments ask for: it
// asks nobody for a password. The one of our own is in a private directory that
// is about to be made.
func (v *vfkitVMM) checkControl() error {
	uri := v.plan.Command.Options.RestfulURI
	switch given, err := vfkit.ParseEndpoint(uri); {
	case err != nil || given.Network == "":
		return err
	case given.Network == "unix":
		err := checkFree(given.Address, v.plan.UID)
		if err == nil && !strings.HasPrefix(given.Address, v.plan.Dir+"/") { // whose directories are about to be made
			err = mayMakeIn(filepath.Dir(given.Address))
		}
		if err != nil {
			err = fmt.Errorf("argv: --restful-uri %q: %w", uri, err)
		}
		return err
	case !given.Loopback():
		err := fmt.Errorf("argv: --restful-uri %q: anybody on the network could stop the VM through it", uri)
		return fault.Hint(err, "unix:// and a path, or nothing: nixvf-boot has a private socket of its own")
	}
	v.plan.Warn("--restful-uri %q: anybody on this host could stop the VM through it; use a unix:// socket, which has an owner", uri)
	return nil
}

// checkFree returns an error for a path where vfkit could not make its socket. A socket of
// this user's at which nobody listens is left by a vfkit that was killed, and
// about to be removed.
func checkFree(path string, uid int) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Mode().Type() != fs.ModeSocket:
		return fmt.Errorf("%s exists, and is not a socket", path)
	case int(info.Sys().(*syscall.Stat_t).Uid) != uid:
		return fmt.Errorf("%s is a socket of another user", path)
	}
	if conn, err := net.DialTimeout("unix", path, restWait); err == nil {
		conn.Close()
		return fmt.Errorf("%s: something listens there already", path)
	}
	return nil
}

// mayMakeIn returns an error for a directory in which this user cannot make a file.
func mayMakeIn(dir string) error {
	if err := unix.Access(dir, unix.W_OK|unix.X_OK); err != nil {
		return &fs.PathError{Op: "access", Path: dir, Err: err}
	}
	return nil
}

// ClearSockets removes the REST socket of a vfkit that has ended, this one or
// one before it.
func (v *vfkitVMM) ClearSockets() {
	if v.rest.Network == "unix" && checkFree(v.rest.Address, os.Getuid()) == nil {
		os.Remove(v.rest.Address)
	}
}

//go:build linux

package tests

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestEphemeralChaos kills VMs for one run, or a part of each, at a random moment:
// after the next start of any VM nothing of them is left.
func TestEphemeralChaos(t *testing.T) {
	rounds := 10
	if os.Getenv("NIXVF_FULL") != "" {
		rounds = 50
	}
	e := newEphemeral(t)
	deaths := map[string]int{}
	for range rounds {
		sig := []syscall.Signal{syscall.SIGKILL, syscall.SIGKILL, syscall.SIGTERM}[rand.IntN(3)]
		cmd := e.start("")
		time.Sleep(time.Duration(rand.IntN(1500)) * time.Millisecond)
		what := "nothing to kill"
		if pids := processes(t, "", e.env); len(pids) > 0 {
			pid := pids[rand.IntN(len(pids))]
			program, _, _ := strings.Cut(string(commandLine(pid)), "\x00")
			what = fmt.Sprintf("%s %v", filepath.Base(program), sig)
			_ = syscall.Kill(pid, sig) // it may have ended
		}
		e.expectListed(what)
		deaths[what]++
		e.end(cmd)
		expectNone(t, e.env)
		e.expectListed("ended after " + what)
		if t.Failed() {
			t.Fatal(what)
		}
	}
	t.Logf("%d VMs: %v", rounds, deaths)
	if err := await(e.start("poweroff")); err != nil {
		t.Error(err)
	}
	e.expectNothing()
}

// ephemeral makes VMs for one run out of one boot document.
type ephemeral struct {
	t   *testing.T
	dir string // holds all that they make
	env []string
}

func newEphemeral(t *testing.T) *ephemeral {
	document, env := standInDocument(t)
	dir := filepath.Dir(document)
	boot := strings.ReplaceAll(`{"name": "vm", "kernel": "@/kernel", "initrd": "@/initrd", "init": "/init", "kernel-params": [],
		"virtualisation": {"diskSize": 64, "sharedDirectories": {"x": {"source": "$TMPDIR/xchg", "target": "/x"}},
			"nixvf": {"ssh": {"enable": true}}}}`, "@", dir)
	for _, made := range []string{"tmp", "runtime"} {
		if err := os.Mkdir(filepath.Join(dir, made), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(document, []byte(boot), 0o600); err != nil {
		t.Fatal(err)
	}
	env = append(env, "TMPDIR="+filepath.Join(dir, "tmp"), "XDG_RUNTIME_DIR="+filepath.Join(dir, "runtime"))
	return &ephemeral{t, dir, env}
}

// start starts one more VM, with a guest that does what its name says.
func (e *ephemeral) start(guest string) *exec.Cmd {
	e.t.Helper()
	args := exec.Command(filepath.Join(bin, "nixvf-args"), "--ephemeral")
	boot := exec.Command(filepath.Join(bin, "nixvf-boot"), "--vmm", "vfkit", "--stop-timeout", "5s")
	args.Env = append(os.Environ(), e.env...)
	boot.Env = append(args.Env, "VZ_GUEST="+guest)
	args.Stdin = strings.NewReader(read(e.t, filepath.Join(e.dir, "launch.json")))
	document, err := args.Output()
	if err != nil {
		e.t.Fatal(err)
	}
	boot.Stdin = strings.NewReader(string(document))
	if err := boot.Start(); err != nil {
		e.t.Fatal(err)
	}
	return boot
}

// end waits for the end of a VM. One that goes on, because the signal hit nobody, is
// asked to stop.
func (e *ephemeral) end(cmd *exec.Cmd) {
	ended := make(chan struct{})
	go func() {
		_ = await(cmd) // how it ends is up to the signal
		close(ended)
	}()
	select {
	case <-ended:
	case <-time.After(3 * time.Second):
		_ = cmd.Process.Signal(syscall.SIGTERM)
		<-ended
	}
}

// expectListed checks that a list can be had at any moment, and has each VM once.
// With no process of them left all have stopped, and with no nixvf-boot none runs.
func (e *ephemeral) expectListed(when string) {
	e.t.Helper()
	states := []string{"stopped"}
	if len(processes(e.t, "", e.env)) > 0 {
		states = append(states, "orphaned")
	}
	if len(processes(e.t, "nixvf-boot", e.env)) > 0 {
		states = append(states, "starting", "running")
	}
	cmd := exec.Command(filepath.Join(bin, "nixvf-boot"), "list", "--json")
	cmd.Env = append(os.Environ(), e.env...)
	out, err := cmd.Output()
	var list []struct{ ID, State string }
	if err == nil {
		err = json.Unmarshal(out, &list)
	}
	if err != nil {
		e.t.Errorf("%s: %v: %s", when, err, out)
	}
	seen := map[string]bool{}
	for _, vm := range list {
		if seen[vm.ID] || !slices.Contains(states, vm.State) {
			e.t.Errorf("%s: %s is %s", when, vm.ID, vm.State)
		}
		seen[vm.ID] = true
	}
}

// expectNothing checks that all that lies in the VMs' places are the locks of disks.
func (e *ephemeral) expectNothing() {
	e.t.Helper()
	for _, place := range []string{"state", "tmp", "runtime"} {
		err := filepath.WalkDir(filepath.Join(e.dir, place), func(path string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case d.Name() == ".disks":
				return filepath.SkipDir
			case !d.IsDir() || strings.HasPrefix(d.Name(), "vm-"):
				e.t.Errorf("%s is left", path)
			}
			return nil
		})
		if err != nil {
			e.t.Error(err)
		}
	}
}

//go:build linux

package tests

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// A VM in the background keeps its store paths whatever else is started. They
// go with it, or at the next start when it was killed.
func TestRootsInBackground(t *testing.T) {
	needGuest(t)
	document, env := rootsDocument(t)
	state := strings.TrimPrefix(env[0], "XDG_STATE_HOME=") + "/nixvf/"
	expect := func(when string, pid, want int) {
		t.Helper()
		links, err := filepath.Glob(fmt.Sprintf("%svm-1/roots/%d-*/root*", state, pid))
		if err != nil || len(links) != want {
			t.Errorf("%s: %q, want %d (%v)", when, links, want, err)
		}
	}
	another := func() { // start cares for the roots of all VMs
		t.Helper()
		text := strings.NewReplacer("vm-1", "vm-2", "disk.raw", "disk2.raw").Replace(read(t, document))
		cmd := exec.Command(filepath.Join(bin, "nixvf-boot"), "--vmm", "vfkit")
		cmd.Env, cmd.Stdin = append(append(os.Environ(), env...), "VZ_GUEST=poweroff"), strings.NewReader(text)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	start := func() backgroundVM {
		t.Helper()
		vm, status, said := detach(t, document, env, "--vmm", "vfkit")
		if status != 0 || said != "" {
			t.Fatalf("status %d, %q", status, said)
		}
		return vm
	}
	t.Cleanup(func() { expectNone(t, env) })

	vm := start()
	vmm := processes(t, "vfkit", env)
	if len(vmm) != 1 {
		t.Fatalf("%+v, while vfkit is %v", vm, vmm)
	}
	heir, err := filepath.Glob(fmt.Sprintf("%svm-1/roots/%d-*", state, vm.PID)) // the VMM may outlive a nixvf-boot that is killed
	if err != nil || len(heir) != 1 {
		t.Fatalf("%q, %v", heir, err)
	}
	expectFile(t, heir[0]+"/heir", fmt.Sprintf("%d-", vmm[0]))
	another()
	expect("while it runs", vm.PID, 1)
	send(t, syscall.SIGKILL, vm.PID)
	expectNone(t, env)
	awaitEnd(t, vm.PID)
	expect("after it was killed", vm.PID, 1)
	another()
	expect("at the next start", vm.PID, 0)

	vm = start()
	expect("while another one runs", vm.PID, 1)
	vm.stop(t, env)
	another()
	expect("after its end", vm.PID, 0)
}

// rootsDocument is standInDocument with a store path to keep.
func rootsDocument(t *testing.T) (document string, env []string) {
	t.Helper()
	document, env = standInDocument(t)
	dir := filepath.Dir(document)
	added, err := exec.Command("nix-store", "--add", filepath.Join(dir, "kernel")).Output()
	if err != nil {
		t.Fatal(err)
	}
	change(t, document, func(doc map[string]any) { doc["roots"] = []string{strings.TrimSpace(string(added))} })
	return document, env
}

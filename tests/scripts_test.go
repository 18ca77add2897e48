//go:build linux

package tests

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"

	"github.com/nixvf/nixvf/pkg/vsock"
)

// bin is the directory of the four tools, built for the tests.
var bin string

// TestMain builds the tools once.
func TestMain(m *testing.M) {
	testscript.Main(builder{m}, map[string]func(){"casefs": caseFS, "eavesdropper": eavesdropper})
}

// builder builds the tools before the tests run, and not in the processes that
// the tests start.
type builder struct{ m *testing.M }

func (b builder) Run() int {
	if dir := os.Getenv(builtEnv); dir != "" {
		bin = filepath.Join(dir, "bin")
		return b.m.Run()
	}
	dir, err := os.MkdirTemp("", "nixvf-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	bin = filepath.Join(dir, "bin")
	build := exec.Command("go", "build", "-o", bin+"/")
	if asOnMac {
		overlay, err := macOverlay(dir)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		build.Args = append(build.Args, "-overlay", overlay)
	}
	build.Args = append(build.Args, "../cmd/...")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return 1
	}
	if asUser {
		return runAsUser(dir)
	}
	return b.m.Run()
}

// TestScripts runs the tools one by one and in pipes, without a VM.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "scripts",
		RequireExplicitExec: true,
		Setup:               setup,
		Condition:           hostHas,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"none-left": noneLeft,
		},
	})
}

// noneLeft is the script command "none-left": all processes that the script has
// started end.
func noneLeft(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 0 {
		ts.Fatalf("usage: none-left")
	}
	pids, err := awaitNone([]string{"WORK=" + ts.Getenv("WORK")})
	ts.Check(err)
	for _, pid := range pids {
		ts.Fatalf("process %d is left: %q", pid, commandLine(pid))
	}
}

// hostHas is true for "vsock" on a host whose VMs can have that, for
// "private-store" where a test can have a Nix store of its own, for "root" where
// it can do what root can, and for "store-writer" where it may write to Nix's
// store. "full" is true in a full run, which has time.
func hostHas(what string) (bool, error) {
	switch what {
	case "full":
		return os.Getenv("NIXVF_FULL") != "", nil
	case "vsock":
		f, err := os.OpenFile(vsock.Device, os.O_RDWR, 0)
		if err == nil {
			f.Close()
		}
		return err == nil, nil
	case "root":
		return os.Getuid() == 0, nil
	case "store-writer":
		return unix.Access("/nix/store", unix.W_OK) == nil, nil
	case "private-store":
		return exec.Command("./private-store", "true").Run() == nil, nil
	}
	return false, fmt.Errorf("unknown condition %q", what)
}

// TestBoots runs pipelines that end in a real guest under QEMU.
func TestBoots(t *testing.T) {
	needGuest(t)
	testscript.Run(t, testscript.Params{
		Dir:                 "boots",
		RequireExplicitExec: true,
		Setup:               setup,
		Condition:           hostHas,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"guest": checkGuest,
		},
	})
}

// needGuest skips a test unless tests/run, which sets up what the guest and Nix
// need, has started it.
func needGuest(t *testing.T) {
	t.Helper()
	if os.Getenv("NIXVF_GUEST") == "" {
		t.Skip("boots a guest: tests/run does that")
	}
}

// cacheDir is where tests/setup keeps the guest's parts.
func cacheDir() string {
	dir, err := os.UserCacheDir()
	if err != nil {
		panic(err)
	}
	return dir
}

// setup gives a script the tools and vfkit, this directory as $TESTS, a home of
// its own, and what Nix and the guest's parts need of the real environment.
func setup(env *testscript.Env) error {
	here, err := os.Getwd()
	if err != nil {
		return err
	}
	home := filepath.Join(env.WorkDir, "home")
	env.Setenv("HOME", home)
	env.Setenv("TMPDIR", env.Getenv("TMPDIR"))
	vfkit, err := buildVfkit()
	if err != nil {
		return err
	}
	env.Setenv("PATH", bin+":"+vfkit+":"+env.Getenv("PATH"))
	env.Setenv("TESTS", here)
	env.Setenv("PARTS", cacheDir())
	for _, name := range []string{"NIX_CONFIG", "NIX_REMOTE", "NIXPKGS"} {
		env.Setenv(name, os.Getenv(name))
	}
	return os.Mkdir(home, 0o755)
}

var guestLine = regexp.MustCompile(`(?m)^nixvf-guest: (\{.*\})\r?$`)

// checkGuest is the script command "guest BOOTS": the last command's stdout
// holds exactly one line of a guest that has checked itself, every check is
// true, and it is the guest's boot number BOOTS. With "!" some check failed.
// "guest BOOTS -NAME" lets the check NAME be false.
func checkGuest(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: guest BOOTS [-CHECK...]")
	}
	lines := guestLine.FindAllStringSubmatch(ts.ReadFile("stdout"), -1)
	if len(lines) != 1 {
		ts.Fatalf("%d lines of a guest, not one", len(lines))
	}
	report := map[string]any{}
	ts.Check(json.Unmarshal([]byte(lines[0][1]), &report))
	wrong := falseChecks(report, args[1:])
	if len(wrong) > 0 {
		ts.Fatalf("checks that failed: %s\n%s", strings.Join(wrong, ", "), lines[0][1])
	}
	if boots := fmt.Sprint(report["bootCount"]); boots != args[0] {
		ts.Fatalf("bootCount is %s, not %s", boots, args[0])
	}
}

// falseChecks returns the names of a guest's failed checks, and an entry when
// there are implausibly few checks at all.
func falseChecks(report map[string]any, except []string) []string {
	ignored := map[string]bool{}
	for _, name := range except {
		ignored[strings.TrimPrefix(name, "-")] = true
	}
	var wrong []string
	checks := 0
	for name, value := range report {
		ok, isCheck := value.(bool)
		if isCheck {
			checks++
		}
		if isCheck && !ok && !ignored[name] {
			wrong = append(wrong, name)
		}
	}
	if checks < 10 {
		wrong = append(wrong, "only "+strconv.Itoa(checks)+" checks")
	}
	sort.Strings(wrong)
	return wrong
}

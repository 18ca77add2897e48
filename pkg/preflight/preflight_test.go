package preflight

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"github.com/nixvf/nixvf/pkg/nix"
	"github.com/nixvf/nixvf/pkg/qemu"
	"github.com/nixvf/nixvf/pkg/vmm"
)

// fake is a host in which nothing is wrong until a test says so.
type fake struct {
	system, cpu string
	uid, owner  int
	programs    map[string]string // command line: what it prints; "!": it fails
	files       []string
	cpuinfo     string
	nested      string // a parameter of KVM's module
	free, open  uint64
	settings    nix.Settings
	nixErr      error
}

func mac() *fake {
	return &fake{
		system: "darwin", cpu: "arm64", uid: 501,
		programs: map[string]string{
			managername: "Aqua\n", globalState: "Firewall is disabled. (State = 0) \n",
			netAddress: "!The domain/default pair of (/Library/Preferences/SystemConfiguration/com.apple.vmnet, Shared_Net_Address) does not exist\n",
			guestRoute: throughEn0, defaultRoute: throughEn0, sysctl: "245760\n491520\n7655\n",
			evaluates:                                 "1\n",
			"sw_vers -productVersion":                 "26.1\n",
			"/bin/vfkit --version":                    "vfkit version: v0.6.3\n",
			"codesign -d --entitlements - /bin/vfkit": "Executable=/bin/vfkit\n[Dict]\n\t[Key] com.apple.security.virtualization\n\t[Value]\n\t\t[Bool] true\n",
		},
		files: []string{vmm.RosettaFile}, free: 100 * gib,
		settings: nix.Settings{System: "aarch64-darwin", Builders: "ssh://b aarch64-linux"},
	}
}

// evaluates is what shows that Nix can be used.
const evaluates = "nix-instantiate --eval --expr 1"

func linux() *fake {
	return &fake{
		system: "linux", cpu: "amd64", uid: 1000,
		programs: map[string]string{
			"/bin/qemu-system-x86_64 --version": "QEMU emulator version 8.2.0\n",
			"/bin/virtiofsd --help":             "--shared-dir --readonly",
			evaluates:                           "1",
		},
		files: []string{"/dev/kvm"}, cpuinfo: "flags: svm\n", free: 100 * gib, open: 1 << 20,
		settings: nix.Settings{System: "x86_64-linux"},
	}
}

func (f *fake) Platform() (string, string) { return f.system, f.cpu }
func (f *fake) UID() int                   { return f.uid }

func (f *fake) Find(program string) (string, error) {
	for line := range f.programs {
		if path, _, _ := strings.Cut(line, " "); path == "/bin/"+program {
			return path, nil
		}
	}
	return "", fs.ErrNotExist
}

func (f *fake) Run(_ context.Context, program string, args ...string) (string, error) {
	out, ok := f.programs[strings.Join(append([]string{program}, args...), " ")]
	if text, failed := strings.CutPrefix(out, "!"); failed || !ok {
		return text, errors.New("it ended with status 1")
	}
	return out, nil
}

func (f *fake) Read(path string) (string, error) {
	if slices.Contains(qemu.NestFiles, path) {
		return f.nested, nil
	}
	return f.cpuinfo, nil
}

func (f *fake) Exists(path string) bool { return slices.Contains(f.files, path) }

func (f *fake) Writable(path string) error {
	if f.Exists(path) && !f.Exists(path+" is not ours") {
		return nil
	}
	return fs.ErrPermission
}

func (f *fake) Owner(string) (int, error)   { return f.owner, nil }
func (f *fake) Free(string) (uint64, error) { return f.free, nil }
func (f *fake) OpenFiles() (uint64, error)  { return f.open, nil }
func (f *fake) Nix(context.Context) (nix.Version, nix.Settings, error) {
	return nix.Version{Major: 2, Minor: 24}, f.settings, f.nixErr
}

// TestNested: whether guests can run VMs is said, and is nothing wrong.
func TestNested(t *testing.T) {
	chip := "/usr/sbin/sysctl -n machdep.cpu.brand_string"
	tests := []struct {
		name    string
		host    *fake
		version string // of macOS
		chip    string
		nested  string
		want    bool
	}{
		{"M3", mac(), "15.0\n", "Apple M3 Pro\n", "", true},
		{"a later one", mac(), "27.0\n", "Apple M10\n", "", true},
		{"M2", mac(), "26.1\n", "Apple M2 Max\n", "", false},
		{"an old macOS", mac(), "14.7\n", "Apple M4\n", "", false},
		{"another chip", mac(), "26.1\n", "Apple A18 Pro\n", "", false},
		{"nothing known", mac(), "26.1\n", "!sysctl: unknown oid\n", "", false},
		{"KVM that nests", linux(), "", "", "Y\n", true},
		{"KVM that does not", linux(), "", "", "N\n", false},
	}
	for _, tt := range tests {
		tt.host.programs[swVers], tt.host.programs[chip], tt.host.nested = tt.version, tt.chip, tt.nested
		text := string(Text(Check(t.Context(), tt.host, Programs{}, "/state")))
		if got := strings.Contains(text, "nested VMs  guests can run"); got != tt.want || !got && !strings.Contains(text, "nested VMs  guests cannot run") {
			t.Errorf("%s: %s", tt.name, text)
		}
	}
}

// TestNothingWrong finds nothing on a host as it should be, and that it has
// looked at all that the help promises.
func TestNothingWrong(t *testing.T) {
	tests := []struct {
		host  *fake
		names string
	}{
		{mac(), "macOS CPU nested VMs vfkit signature Rosetta keychain firewall VPN nix builder store store case disk space open files"},
		{linux(), "QEMU KVM nested VMs virtiofsd nix builder store store case disk space open files"},
	}
	for _, tt := range tests {
		var names []string
		findings := Check(context.Background(), tt.host, Programs{}, "/state")
		for _, f := range findings {
			names = append(names, f.Name)
			if f.Level != OK || f.Fix != "" || f.Text == "" {
				t.Errorf("%s: %+v", tt.host.system, f)
			}
		}
		if got := strings.Join(names, " "); got != tt.names {
			t.Errorf("%s: looked at %s, want %s", tt.host.system, got, tt.names)
		}
		if Failed(findings) {
			t.Errorf("%s: failed", tt.host.system)
		}
	}
}

// TestFindings spoils one thing at a time.
func TestFindings(t *testing.T) {
	program := func(line, out string) func(*fake) { return func(f *fake) { f.programs[line] = out } }
	without := func(line string) func(*fake) { return func(f *fake) { delete(f.programs, line) } }
	const codesign = "codesign -d --entitlements - /bin/vfkit"
	tests := []struct {
		host  *fake
		spoil func(*fake)
		want  string // of the only line that is not ok
	}{
		{mac(), without("sw_vers -productVersion"), "warning  macOS       its version is unknown"},
		{mac(), program("/bin/vfkit --version", "vfkit version: v0.5.0"), "problem  vfkit       /bin/vfkit: version 0.5.0 corrupts disks"},
		{mac(), without("/bin/vfkit --version"), "problem  vfkit       there is no vfkit: brew install vfkit"},
		{mac(), program(codesign, "!/bin/vfkit: code object is not signed at all"), "problem  signature   /bin/vfkit is not signed: "},
		{mac(), program(codesign, "[Dict]"), "problem  signature   /bin/vfkit is not entitled to com.apple"},
		{mac(), func(f *fake) { f.files = nil }, "warning  Rosetta     not installed: guests cannot run x86_64-linux programs: softwareupdate"},
		{mac(), func(f *fake) { f.cpu, f.settings.Builders = "amd64", "ssh://b x86_64-linux" }, "warning  CPU         an Intel Mac"},
		{mac(), func(f *fake) { f.settings.Builders = "" }, "warning  builder     nothing here builds for aarch64-linux"},
		{mac(), func(f *fake) { f.settings.Store = "ssh-ng://far" }, "problem  builder     Nix's store is ssh-ng://far"},
		{linux(), program(evaluates, "!error: opening lock file '/nix/var/nix/db/big-lock': Permission denied\n"),
			"problem  nix         this user cannot use Nix 2.24: error: opening lock file '/nix/var/nix/db/big-lock': Permission denied: a multi-user"},
		{linux(), program("/bin/virtiofsd --help", "-o source=PATH"), "problem  virtiofsd   /bin/virtiofsd: this old virtiofsd runs only as root"},
		{mac(), func(f *fake) { f.nixErr = errors.New("nix: not found") }, "problem  nix         nix: not found: https://"},
		{mac(), func(f *fake) { f.owner = 501 }, "problem  store       /nix/store belongs to this user"},
		{mac(), func(f *fake) { f.uid = 0 }, "problem  store       as root, vfkit would let the guest write"},
		{mac(), func(f *fake) { f.files = append(f.files, "/nix/STORE") }, "warning  store case  "},
		{mac(), func(f *fake) { f.free = 512 << 20 }, "problem  disk space  0.5 GiB are free in /state: "},
		{mac(), func(f *fake) { f.free = 2 * gib }, "warning  disk space  2.0 GiB are free in /state"},
		{linux(), func(f *fake) { f.open = 10240 }, "warning  open files  a process may open 10240 files, and a guest"},
		{linux(), func(f *fake) { f.owner = 1000 }, ""}, // QEMU's shares are read-only
		{linux(), without("/bin/qemu-system-x86_64 --version"), "problem  QEMU        there is no qemu-system-x86_64: "},
		{linux(), program("/bin/qemu-system-x86_64 --version", "QEMU emulator version 5.2.0"), "problem  QEMU        /bin/qemu-system-x86_64: QEMU 5 is too old"},
		{linux(), func(f *fake) { f.files = nil }, "warning  KVM         it is missing: guests run slowly"},
		{linux(), func(f *fake) { f.cpuinfo = "flags: fpu\n" }, "warning  KVM         the CPU offers neither VT-x nor SVM: guests run slowly"},
		{linux(), func(f *fake) { f.files = append(f.files, "/dev/kvm is not ours") }, "warning  KVM         this user cannot open it"},
		{linux(), without("/bin/virtiofsd --help"), "problem  virtiofsd   there is no virtiofsd"},
		{linux(), program("/bin/virtiofsd --help", "setgroups"), "problem  virtiofsd   /bin/virtiofsd: this old virtiofsd runs only as root"},
	}
	for _, tt := range tests {
		tt.spoil(tt.host)
		tt.host.finds(t, tt.want)
	}
}

// finds fails the test unless what is wrong with the host is one line, which
// begins with want, or nothing if that is empty.
func (f *fake) finds(t *testing.T, want string) {
	t.Helper()
	findings := Check(context.Background(), f, Programs{}, "/state")
	var wrong []string
	for line := range strings.Lines(string(Text(findings))) {
		if !strings.HasPrefix(line, OK+" ") {
			wrong = append(wrong, line)
		}
	}
	got := strings.Join(wrong, "")
	if !strings.HasPrefix(got, want) || want == "" && got != "" || len(wrong) > 1 {
		t.Errorf("got  %swant %s", got, want)
	}
	if Failed(findings) != strings.HasPrefix(want, Problem) {
		t.Errorf("%s: the whole is not as its worst finding", got)
	}
}

// TestGiven looks at the programs that the user names, and at no others.
func TestGiven(t *testing.T) {
	h := mac()
	h.programs["/bin/mine --version"] = "vfkit version: v0.6.1\n"
	h.programs["codesign -d --entitlements - /bin/mine"] = entitlement
	text := string(Text(Check(context.Background(), h, Programs{"vfkit": "mine"}, "/state")))
	if !strings.Contains(text, "v0.6.1, /bin/mine\n") {
		t.Error(text)
	}
}

// TestThis asks the host that the test runs on.
func TestThis(t *testing.T) {
	findings := Check(context.Background(), This{}, Programs{}, t.TempDir()+"/not/there")
	if len(findings) < 8 {
		t.Errorf("%+v", findings)
	}
	if _, err := (This{}).Free("/"); err != nil {
		t.Error(err)
	}
}

package boot

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/crc-org/vfkit/pkg/cmdline"
	"github.com/crc-org/vfkit/pkg/config"
	"github.com/tidwall/gjson"

	"github.com/nixvf/nixvf/pkg/fault"
	"github.com/nixvf/nixvf/pkg/network"
)

// oldestVfkit is the first version that is taken: earlier ones attach disks in
// a caching mode that corrupts ext4.
var oldestVfkit = []int{0, 5, 1}

// vfkitVMM runs the VM under vfkit, as the document has it.
type vfkitVMM struct {
	path    string
	args    []string
	version versions
	rest    string   // path of the REST socket, "" when there is none
	nets    []string // paths of the sockets that its network cards connect to
}

func newVfkit(m *machine) (vmm, error) {
	path, err := find(m.VFKit, "vfkit")
	if err != nil {
		return nil, fault.Hint(err, "install vfkit (github.com/crc-org/vfkit), or name its path with --vfkit")
	}
	v := &vfkitVMM{path: path, args: slices.Clone(m.doc.Argv[1:]), version: m.versions()}
	if m.opts.RestfulURI == cmdline.DefaultRestfulURI {
		v.rest = filepath.Join(m.sockets, "rest.sock")
		v.args = append(v.args, "--restful-uri", "unix://"+v.rest)
	}
	if err := v.moveCards(m); err != nil {
		return nil, err
	}
	v.moveConsole(m)
	if m.opts.LogLevel == "" && !m.Verbose {
		v.args = append(v.args, "--log-level", "error")
	}
	return v, nil
}

func (v *vfkitVMM) name() string      { return "vfkit" }
func (v *vfkitVMM) command() []string { return append([]string{v.path}, v.args...) }
func (v *vfkitVMM) helpers() []helper { return nil }

// moveCards puts the cards that are on a network of ours on sockets.
func (v *vfkitVMM) moveCards(m *machine) error {
	for i, device := range m.vm.Devices {
		card, ok := device.(*config.VirtioNet)
		if !ok || !slices.Contains(m.cards, card) {
			continue
		}
		path := filepath.Join(m.sockets, fmt.Sprintf("net-%d.sock", len(v.nets)))
		if strings.Contains(path, ",") {
			return fmt.Errorf("network: %q holds a comma, which vfkit's devices cannot carry", path)
		}
		v.nets = append(v.nets, path)
		moved := config.VirtioNet{UnixSocketPath: path, MacAddress: card.MacAddress, VfkitMagic: true}
		words, err := moved.ToCmdLine()
		if err != nil {
			return err
		}
		replaceDevice(v.args, m.opts.Devices[i], words[1])
	}
	return nil
}

// moveConsole puts the console that we take care of on vfkit's stdin and stdout.
func (v *vfkitVMM) moveConsole(m *machine) {
	for i, device := range m.vm.Devices {
		if d, ok := device.(*config.VirtioSerial); ok && d == m.console {
			replaceDevice(v.args, m.opts.Devices[i], ownConsole)
		}
	}
}

// replaceDevice puts another device in the place of the first --device that is
// old.
func replaceDevice(args []string, old, new string) {
	for i, arg := range args {
		switch {
		case arg == "--device="+old:
			args[i] = "--device=" + new
		case arg == old && i > 0 && (args[i-1] == "--device" || args[i-1] == "-d"):
			args[i] = new
		default:
			continue
		}
		return
	}
}

// attach listens where the cards will connect.
func (v *vfkitVMM) attach(n *network.Network) ([]*os.File, error) {
	for _, path := range v.nets {
		if err := n.Listen(path); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

// check looks at vfkit's version.
func (v *vfkitVMM) check(ctx context.Context) error {
	return v.version.check(ctx, v.path, CheckVfkitVersion)
}

var vfkitVersion = regexp.MustCompile(`version: v?(\d+)\.(\d+)\.(\d+)`)

// CheckVfkitVersion reports a version that is too old. A development build,
// whose version is "unknown", is trusted.
func CheckVfkitVersion(text string) error {
	match := vfkitVersion.FindStringSubmatch(text)
	if match == nil {
		if strings.Contains(text, "vfkit version: ") {
			return nil
		}
		return fmt.Errorf("prints no version of vfkit: %q", text)
	}
	var version []int
	for _, digits := range match[1:] {
		n, err := strconv.Atoi(digits)
		if err != nil {
			return err
		}
		version = append(version, n)
	}
	if slices.Compare(version, oldestVfkit) < 0 {
		return fmt.Errorf("version %s corrupts disks, 0.5.1 or newer is needed", strings.Join(match[1:], "."))
	}
	return nil
}

// restWait bounds one request to vfkit.
const restWait = 2 * time.Second

// callVfkit sends one request to vfkit's REST interface (vfkit's doc/usage.md,
// section "Restful service") on a Unix socket and returns the answer.
func callVfkit(socket, method, path, body string) ([]byte, error) {
	if socket == "" {
		return nil, errors.New("vfkit runs without a REST socket of ours")
	}
	client := http.Client{Timeout: restWait, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
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
		err = fmt.Errorf("vfkit: %s %s: %s", method, path, resp.Status)
	}
	return answer, err
}

func (v *vfkitVMM) stop() error {
	_, err := callVfkit(v.rest, http.MethodPost, "/vm/state", `{"state": "Stop"}`)
	return err
}

// running asks vfkit whether its VM runs. Without a socket of ours that has to be
// believed.
func (v *vfkitVMM) running() (bool, error) {
	if v.rest == "" {
		return true, nil
	}
	answer, err := callVfkit(v.rest, http.MethodGet, "/vm/state", "")
	return err == nil && gjson.GetBytes(answer, "state").String() == "VirtualMachineStateRunning", err
}

func (v *vfkitVMM) sockets() map[string]string {
	if v.rest == "" {
		return map[string]string{}
	}
	return map[string]string{"rest": v.rest}
}

// watch returns at once: vfkit goes on through a restart of the guest, of which
// Virtualization.framework tells it nothing.
func (v *vfkitVMM) watch(<-chan struct{}, func()) {}

func (v *vfkitVMM) terminals() ([]string, error) {
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

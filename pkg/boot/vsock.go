package boot

import (
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/crc-org/vfkit/pkg/config"

	"github.com/nixvf/nixvf/pkg/launchdoc"
	"github.com/nixvf/nixvf/pkg/shell"
	"github.com/nixvf/nixvf/pkg/ssh"
)

const (
	// sshPort is where sshd listens in guests whose systemd is 256 or newer
	// (systemd-ssh-generator(8)).
	sshPort = 22
	// socketWait is how long the VMM may take to make its sockets.
	socketWait = 30 * time.Second
)

// moveSockets returns a document whose vsock sockets lie in a directory of
// ours, in the place of the one that stands for it.
func moveSockets(doc *launchdoc.Document, dir string) *launchdoc.Document {
	moved := *doc
	moved.Argv = slices.Clone(doc.Argv)
	for i, arg := range moved.Argv {
		if doc.Sockets != "" && strings.HasPrefix(strings.TrimPrefix(arg, "--device="), "virtio-vsock,") {
			moved.Argv[i] = strings.Replace(arg, ",socketURL="+doc.Sockets+"/", ",socketURL="+dir+"/", 1)
		}
	}
	return &moved
}

// reserve reports that a document has the guest's port, which is for a service of
// nixvf's own.
func (m *machine) reserve(port int, service string) error {
	device := fmt.Sprintf("virtio-vsock,port=%d,", port)
	if slices.ContainsFunc(m.doc.Argv, func(arg string) bool { return strings.Contains(arg, device) }) {
		return fmt.Errorf("vsock port %d: it is reserved for nixvf's %s", port, service)
	}
	return nil
}

// vsockPorts returns the guest's ports that are sockets on the host.
func (m *machine) vsockPorts() []*config.VirtioVsock {
	var ports []*config.VirtioVsock
	for _, d := range config.FilterDevices[*config.VirtioVsock](m.vm) {
		if !d.Listen && d.Port != ssh.Port {
			ports = append(ports, d)
		}
	}
	return ports
}

// tellVsock says how each of the guest's ports is reached, once its socket is
// there: vfkit only logs that it cannot make one.
func (s *session) tellVsock() {
	for _, d := range s.m.vsockPorts() {
		for start := time.Now(); !isSocket(d.SocketURL); {
			select {
			case <-s.process.Done():
				return
			case <-time.After(pollRunning):
			}
			if time.Since(start) > socketWait {
				s.console.tell("warning: vsock port %d cannot be reached: %s has not made %s", d.Port, s.process.Name, d.SocketURL)
				return
			}
		}
		s.console.tell("vsock port %d: %s", d.Port, reach(d, s.m.doc.Name))
	}
}

func isSocket(path string) bool {
	info, err := os.Lstat(path)
	return err == nil && info.Mode().Type() == fs.ModeSocket
}

// reach returns the command that uses a port's socket: ssh's for its port, in
// which a shell reads ProxyCommand once more.
func reach(d *config.VirtioVsock, name string) string {
	connect := "nc -U " + shell.Word(d.SocketURL)
	if d.Port != sshPort {
		return connect
	}
	if name == "" {
		name = "vm"
	}
	return fmt.Sprintf("ssh -o ProxyCommand=%s root@%s", shell.Word(connect), shell.Word(name))
}

// Package ssh owns how the user's ssh program gets into a guest: the keys of both
// ends, made for one run of a VM, and the options that make ssh use them. The
// guest's end is in package nixos.
//
// It speaks no ssh and starts no process. Package place knows the VM's
// directories.
package ssh

import (
	"crypto/ed25519"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"unicode"

	"golang.org/x/crypto/ssh"

	"github.com/nixvf/nixvf/pkg/place"
	"github.com/nixvf/nixvf/pkg/shell"
)

const (
	// Port is where the guest's sshd listens: on vsock, or on the card.
	Port = 722
	// Socket is the name of the socket on the host that leads there.
	Socket = "vsock-722.sock"
	// HostKey and AuthorizedKey are the names of the credentials by which the guest has
	// its half of the keys.
	HostKey       = "nixvf.ssh.host-key"
	AuthorizedKey = "nixvf.ssh.authorized-key"
)

// Keys are the guest's half of the keys of one run, as the files of credentials.
type Keys struct {
	HostKey       []byte // private: the guest shows by it that it is this VM
	AuthorizedKey []byte // public: the user shows by the other half who he is
}

// dir is where the user's half lies. It goes when the VM ends.
func dir(vm place.VM) string { return filepath.Join(vm.Run(), "ssh") }

// BlockFile is the part of ssh's configuration that is the VM's, see [Block].
func BlockFile(vm place.VM) string { return filepath.Join(vm.Dir, "ssh_config") }

// Make makes new keys, writes the user's half into the VM's run directory, which
// must be there, and returns the guest's half.
func Make(vm place.VM) (Keys, error) {
	public, private, err := pair()
	if err != nil {
		return Keys{}, err
	}
	hostPublic, hostPrivate, err := pair()
	if err != nil {
		return Keys{}, err
	}
	if err := os.Mkdir(dir(vm), 0o700); err != nil {
		return Keys{}, err
	}
	if err := os.WriteFile(filepath.Join(dir(vm), "key"), private, 0o600); err != nil {
		return Keys{}, err
	}
	known := append([]byte(vm.ID+" "), hostPublic...)
	if err := os.WriteFile(filepath.Join(dir(vm), "known_hosts"), known, 0o600); err != nil {
		return Keys{}, err
	}
	return Keys{HostKey: hostPrivate, AuthorizedKey: public}, nil
}

// pair returns the two halves of a new key: a line for ssh, and a file for it.
func pair() (public, private []byte, err error) {
	pub, priv, err := ed25519.GenerateKey(nil)
	if err != nil {
		return nil, nil, err
	}
	key, err := ssh.NewPublicKey(pub)
	if err != nil {
		return nil, nil, err
	}
	block, err := ssh.MarshalPrivateKey(priv, "nixvf")
	if err != nil {
		return nil, nil, err
	}
	return ssh.MarshalAuthorizedKey(key), pem.EncodeToMemory(block), nil
}

// Option is one of ssh's (ssh_config(5)).
type Option struct{ Key, Value string }

// Options are what ssh needs to get into a VM that runs, as a user of the guest's.
// self is the path of nixvf-boot.
func Options(vm place.VM, user, self string) ([]Option, error) {
	if strings.ContainsFunc(self, unicode.IsControl) { // a line of a configuration ends there
		return nil, fmt.Errorf("ssh: the path of nixvf-boot, %q, contains a control character", self)
	}
	return []Option{
		{"User", user},
		{"ProxyCommand", escape(shell.Word(self)) + " ssh-connect " + vm.ID},
		{"IdentityFile", quote(filepath.Join(dir(vm), "key"))},
		{"IdentitiesOnly", "yes"},
		{"IdentityAgent", "none"},
		{"UserKnownHostsFile", quote(filepath.Join(dir(vm), "known_hosts"))},
		{"GlobalKnownHostsFile", "/dev/null"},
		{"HostKeyAlias", vm.ID},
		{"HostKeyAlgorithms", "ssh-ed25519"},
		{"StrictHostKeyChecking", "yes"},
		{"UpdateHostKeys", "no"},
		{"PreferredAuthentications", "publickey"},
		{"LogLevel", "ERROR"},
	}, nil
}

// escape writes text so that ssh does not expand it.
func escape(text string) string { return strings.ReplaceAll(text, "%", "%%") }

// quote writes a path as one word that ssh does not expand.
func quote(path string) string { return `"` + escape(path) + `"` }

// Words are what ssh takes for a command in the guest: it joins them with blanks,
// and the shell of the user there takes that apart again. Each word may hold any
// character, a line's end too.
func Words(command []string) []string {
	words := make([]string, len(command))
	for i, word := range command {
		words[i] = shell.Word(word)
	}
	return words
}

// Arguments are ssh's for one connection: the options, and no configuration of
// anybody's.
func Arguments(options []Option, vm place.VM) []string {
	args := []string{"-F", "none"}
	for _, o := range options {
		args = append(args, "-o", o.Key+"="+o.Value)
	}
	return append(args, "--", vm.ID)
}

// Block is the part of ssh's configuration by which it knows a VM as NAME.nixvf
// and ID.nixvf.
func Block(options []Option, vm place.VM, name string) string {
	hosts := vm.ID + ".nixvf"
	if name != "" && name != vm.ID && !strings.ContainsAny(name, " \t\"*?!,#") {
		hosts = name + ".nixvf " + hosts
	}
	var b strings.Builder
	fmt.Fprintf(&b, "Host %s\n", hosts)
	for _, o := range options {
		fmt.Fprintf(&b, "  %s %s\n", o.Key, o.Value)
	}
	return b.String()
}

// Package preflight checks a host before a VM runs: whether it has what nixvf
// needs, and what would go wrong. It owns the findings and the advice about each.
//
// It sees the host only through [Host], so that the rules for macOS can be tested
// on Linux. It changes nothing.
package preflight

import (
	"context"
	"fmt"
	"strings"

	"github.com/nixvf/nixvf/pkg/nix"
)

// Host is what the checks ask.
type Host interface {
	// Platform returns the system and the CPU, as Go names them.
	Platform() (system, cpu string)
	UID() int
	// Find returns a program's path.
	Find(program string) (string, error)
	// Run returns what a program prints, on stderr too. A program that is still
	// running after a while has failed.
	Run(ctx context.Context, program string, args ...string) (string, error)
	Exists(path string) bool
	// Read returns what a small file holds.
	Read(path string) (string, error)
	// Writable reports why this user cannot read and write path.
	Writable(path string) error
	// Owner returns the user to whom path belongs.
	Owner(path string) (uid int, err error)
	// Free returns the bytes that are left for this user below dir, which need
	// not exist yet.
	Free(dir string) (uint64, error)
	// OpenFiles returns how many files a process of this user may open at most.
	OpenFiles() (uint64, error)
	// Nix returns the version and the settings of the installed Nix.
	Nix(ctx context.Context) (nix.Version, nix.Settings, error)
}

// Levels of a finding.
const (
	OK      = "ok"
	Warning = "warning" // something will be missing or slow
	Problem = "problem" // no VM will run
)

// Finding is one thing that was looked at.
type Finding struct {
	Name  string `json:"name"`
	Level string `json:"level"`
	Text  string `json:"text"`
	Fix   string `json:"fix,omitempty"` // what the user can do about it
}

// Programs are the paths of programs that the user has given, by name: "vfkit",
// "qemu" and "virtiofsd". Others, and "", are found in PATH.
type Programs map[string]string

// Check looks at everything. state is where VMs' disks will be.
func Check(ctx context.Context, h Host, p Programs, state string) []Finding {
	c := check{Host: h, ctx: ctx}
	if system, _ := h.Platform(); system == "darwin" {
		c.mac()
		c.macNests()
		c.vfkit(p["vfkit"])
		c.rosetta()
		c.keychain()
		c.firewall()
		c.routes()
	} else {
		c.qemu(p["qemu"])
		c.kvm()
		c.virtiofsd(p["virtiofsd"])
	}
	c.nix()
	c.store()
	c.room(state)
	c.openFiles()
	return c.findings
}

// Failed reports whether there is a problem among the findings.
func Failed(findings []Finding) bool {
	for _, f := range findings {
		if f.Level == Problem {
			return true
		}
	}
	return false
}

// Text returns the findings for people, a line each.
func Text(findings []Finding) []byte {
	var b strings.Builder
	for _, f := range findings {
		fmt.Fprintf(&b, "%-8s %-11s %s", f.Level, f.Name, f.Text)
		if f.Fix != "" {
			fmt.Fprintf(&b, ": %s", f.Fix)
		}
		b.WriteByte('\n')
	}
	return []byte(b.String())
}

// check collects the findings.
type check struct {
	Host
	ctx      context.Context
	macOS    string // its version
	findings []Finding
}

func (c *check) ok(name, format string, args ...any) {
	c.findings = append(c.findings, Finding{Name: name, Level: OK, Text: fmt.Sprintf(format, args...)})
}

func (c *check) warn(name, fix, format string, args ...any) {
	c.findings = append(c.findings, Finding{name, Warning, fmt.Sprintf(format, args...), fix})
}

func (c *check) problem(name, fix, format string, args ...any) {
	c.findings = append(c.findings, Finding{name, Problem, fmt.Sprintf(format, args...), fix})
}

// program returns the path of the first program that is there; given, if not
// empty, is the only choice.
func (c *check) program(given string, names ...string) (path string, err error) {
	if given != "" {
		names = []string{given}
	}
	for _, name := range names {
		if path, err = c.Find(name); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("there is no %s", names[0])
}

//go:build linux

package tests

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// shown is what a terminal gets to see: percentages, each over the last one,
// and nothing of them in the end.
var shown = regexp.MustCompile(`^(\r[a-z-]+: making [a-z]+\.raw: \d+%\x1b\[K){3,}\r\x1b\[K`)

// TestProgress: what takes longer than half a second shows on a terminal how
// far it is, and takes that away again.
func TestProgress(t *testing.T) {
	nixvfDisk := filepath.Join(bin, "nixvf-disk")
	image := filepath.Join(t.TempDir(), "big.raw")

	s := onScreen(t, os.DevNull, nil, nixvfDisk, "--size", "100G", image)
	s.end(0)
	s.settle()
	if text := s.text(); !shown.MatchString(text) || !strings.HasSuffix(text, "\r\x1b[K") {
		t.Errorf("the screen got %q", text)
	}

	s = onScreen(t, os.DevNull, nil, nixvfDisk, "--size", "16M", filepath.Join(t.TempDir(), "small.raw"))
	s.end(0)
	s.settle()
	if text := s.text(); text != "" {
		t.Errorf("a small image: the screen got %q", text)
	}

	out, err := exec.Command(nixvfDisk, "--size", "100G", filepath.Join(t.TempDir(), "big.raw")).CombinedOutput()
	if err != nil || len(out) > 0 {
		t.Errorf("without a terminal: %q, %v", out, err)
	}
}

// TestProgressOfBoot: nixvf-boot does so too, before the guest has the terminal.
func TestProgressOfBoot(t *testing.T) {
	document, env := standInDocument(t)
	text, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	big := strings.Replace(string(text), `"size": 67108864`, `"size": 107374182400`, 1)
	if err := os.WriteFile(document, []byte(big), 0o600); err != nil {
		t.Fatal(err)
	}
	s := onScreen(t, document, append(env, "VZ_GUEST=poweroff"), filepath.Join(bin, "nixvf-boot"), "--vmm", "vfkit")
	s.end(0)
	s.settle()
	if text := s.text(); !shown.MatchString(text) || !strings.Contains(text, "stand-in guest is up") {
		t.Errorf("the screen got %q", text)
	}
}

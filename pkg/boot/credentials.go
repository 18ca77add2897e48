package boot

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/crc-org/vfkit/pkg/config"

	"github.com/nixvf/nixvf/pkg/launchdoc"
)

const (
	// credentialsTag is the mount tag of the share with the guest's credentials, which
	// stage 1 hands to systemd (nixos/credentials.sh).
	credentialsTag = "io.systemd.credentials"
	// credentialsParam tells stage 1 that there is that share.
	credentialsParam = "nixvf.credentials"
	// credentialsMost is how much systemd takes of all credentials together, in bytes
	// (CREDENTIALS_TOTAL_SIZE_MAX).
	credentialsMost = 1 << 20
)

// planCredentials shares a directory with copies of the files that the guest gets
// as credentials. It is made for this run, and goes with it.
func (m *machine) planCredentials() error {
	if len(m.doc.Credentials) == 0 && m.doc.SSH == "" {
		return nil
	}
	dir := m.credentialsDir()
	if strings.Contains(dir, ",") {
		return fmt.Errorf("credentials: %q contains a comma, which vfkit's device options cannot contain", dir)
	}
	share, err := config.VirtioFsNew(dir, credentialsTag)
	if err != nil {
		return err
	}
	device, err := share.ToCmdLine()
	if err != nil {
		return err
	}
	doc := *m.doc
	if doc.Argv, err = tellGuest(doc.Argv, credentialsParam); err != nil {
		return fmt.Errorf("credentials: %w", err)
	}
	doc.Argv = append(doc.Argv, device...)
	doc.ReadOnly = append(slices.Clone(doc.ReadOnly), credentialsTag)
	doc.Directories = append(slices.Clone(doc.Directories), launchdoc.Directory{Path: dir, Temporary: true})
	doc.Files = slices.Clone(doc.Files)
	for _, name := range slices.Sorted(maps.Keys(doc.Credentials)) {
		doc.Files = append(doc.Files, launchdoc.File{From: doc.Credentials[name], To: filepath.Join(dir, name)})
	}
	m.doc = &doc
	return nil
}

// credentialsDir is where the copies are.
func (m *machine) credentialsDir() string { return filepath.Join(m.place.Run(), "credentials") }

// checkCredentials reports files that are more than systemd takes.
func (m *machine) checkCredentials() error {
	var sum int64
	for _, path := range m.doc.Credentials {
		if info, err := os.Stat(path); err == nil { // that it is missing is said of the file
			sum += info.Size()
		}
	}
	if sum > credentialsMost {
		return fmt.Errorf("credentials: %d bytes, and systemd takes at most %d", sum, credentialsMost)
	}
	return nil
}

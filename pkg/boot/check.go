package boot

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/crc-org/vfkit/pkg/config"
	"golang.org/x/sys/unix"

	"github.com/nixvf/nixvf/pkg/roots"
)

// check reports everything that would keep the VM from running, before
// anything is made or started.
func (m *machine) check(ctx context.Context) error {
	if err := roots.Check(m.doc.Roots); err != nil { // kernel and initrd are likely to be gone too
		return err
	}
	vmmErr := make(chan error, 1)
	go func() { vmmErr <- m.vmm.Check(ctx) }()
	var errs []error
	if linux, ok := m.vm.Bootloader.(*config.LinuxBootloader); ok {
		errs = append(errs, m.checkKernel(linux.VmlinuzPath), checkUsable("initrd", linux.InitrdPath), m.checkMemory(linux))
	}
	for _, device := range m.vm.Devices {
		if d, ok := device.(*config.VirtioFs); ok {
			errs = append(errs, m.checkShare(d))
		}
	}
	for _, log := range m.logs() {
		errs = append(errs, m.checkLog(log), m.checkSharedLog(log))
	}
	for _, d := range m.images() {
		errs = append(errs, m.checkImage(d))
	}
	for _, f := range m.doc.Files {
		errs = append(errs, checkUsable("files", f.From))
	}
	errs = append(errs, m.checkCredentials(), m.checkInput(), m.vmm.CheckPlan(), m.checkWrites(), m.checkStore(), m.checkNames(), <-vmmErr)
	return errors.Join(errs...)
}

// checkShare returns an error for a share whose directory is missing and not about to be
// made.
func (m *machine) checkShare(d *config.VirtioFs) error {
	for _, dir := range m.doc.Directories {
		if dir.Path == d.SharedDir {
			return nil
		}
	}
	info, err := os.Stat(d.SharedDir)
	if err == nil && !info.IsDir() {
		err = fmt.Errorf("%s: not a directory", d.SharedDir)
	}
	if err == nil {
		err = access(d.SharedDir, unix.R_OK|unix.X_OK)
	}
	if err != nil {
		return fmt.Errorf("share %q: %w", d.MountTag, err)
	}
	m.shares[d.SharedDir] = info
	return nil
}

// checkLog returns an error for a console log whose directory is missing. The VM's own
// state directory will be there.
func (m *machine) checkLog(path string) error {
	if filepath.Dir(path) == m.place.Dir {
		return nil
	}
	if err := access(filepath.Dir(path), unix.W_OK|unix.X_OK); err != nil {
		return fmt.Errorf("console log %s: %w", path, err)
	}
	return nil
}

// access is access(2) with an error that names the path.
func access(path string, mode uint32) error {
	if err := unix.Access(path, mode); err != nil {
		return &fs.PathError{Op: "access", Path: path, Err: err}
	}
	return nil
}

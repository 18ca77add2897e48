package vfkit

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/nixvf/nixvf/pkg/bootdoc"
	"github.com/nixvf/nixvf/pkg/place"
)

// Outside says what of the host a boot document wants outside of the VM's state
// directory: shares, disks, the console's file. What the user names by a
// flag or a variable is no news. The warnings are about what is in the user's
// home already.
func Outside(boot *bootdoc.Document, o Options) (notes, warnings []string) {
	vm, err := o.Host.VM(o.ID, boot.ID, boot.Name)
	if err != nil {
		return nil, nil // Launch says so
	}
	l := &outside{host: o.Host, vm: vm}
	v := boot.Virtualisation
	for _, tag := range slices.Sorted(maps.Keys(v.SharedDirectories)) {
		s := v.SharedDirectories[tag]
		_, named := o.Shares[tag]
		if named || o.Host.Env("SHARED_DIR") != "" && strings.Contains(s.Source, "SHARED_DIR") {
			continue
		}
		access := "read-only"
		if s.Writable {
			access = "writable"
		}
		l.add("virtualisation.sharedDirectories."+tag+".source", s.Source, "shares %s with the guest, "+access)
	}
	for _, name := range slices.Sorted(maps.Keys(v.Credentials)) {
		if _, named := o.Credentials[name]; !named {
			l.add("virtualisation.credentials."+name, v.Credentials[name], givesFile)
		}
	}
	if v.DiskImage != nil && !o.Ephemeral && o.Disk == "" && o.Host.Env("NIX_DISK_IMAGE") == "" {
		l.add("virtualisation.diskImage", *v.DiskImage, "has the guest's disk in %s, writable")
	}
	for i, drive := range v.QEMU.Drives {
		l.add(fmt.Sprintf("virtualisation.qemu.drives[%d].file", i), drive.File, "gives the guest the disk %s, writable")
	}
	if c := v.Nixvf.Console; o.Console == "" && !slices.Contains([]string{"", ConsoleStdio, ConsolePTY}, c) {
		l.add("nixvf.console", c, "writes the guest's console to %s")
	}
	return l.notes, l.warnings
}

// givesFile is what a credential does with a file. One in the store is in the
// configuration.
const givesFile = "gives the guest what %s holds"

// outside collects what [Outside] says.
type outside struct {
	host            place.Host
	vm              place.VM
	notes, warnings []string
}

// add adds what an option does with a path, which what says.
func (l *outside) add(option, source, what string) {
	path, err := l.host.Path(l.vm, source)
	switch {
	case err != nil: // Launch says so
	case path == bootdoc.StoreDir, within(path, l.vm.Dir), what == givesFile && within(path, bootdoc.StoreDir):
	case l.host.Exists(path) && l.athome(path):
		l.warnings = append(l.warnings, fmt.Sprintf("%s "+what+", which is there already in your home directory", option, path))
	default:
		l.notes = append(l.notes, fmt.Sprintf("%s "+what, option, path))
	}
}

// athome reports whether a path is in the user's home directory, or has that in
// it.
func (l *outside) athome(path string) bool {
	home := l.host.Env("HOME")
	return filepath.IsAbs(home) && (within(path, home) || within(home, path))
}

// within reports whether a path is dir or in it.
func within(path, dir string) bool {
	rest, err := filepath.Rel(dir, path)
	return err == nil && filepath.IsLocal(rest)
}

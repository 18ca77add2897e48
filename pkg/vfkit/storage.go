package vfkit

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/crc-org/vfkit/pkg/config"

	"github.com/nixvf/nixvf/pkg/bootdoc"
	"github.com/nixvf/nixvf/pkg/fault"
	"github.com/nixvf/nixvf/pkg/launchdoc"
	"github.com/nixvf/nixvf/pkg/place"
)

// RootSerial is the serial number of the root disk, as in qemu-vm.nix
// (rootDriveSerialAttr): the guest has it as /dev/disk/by-id/virtio-root.
const RootSerial = "root"

// disks adds the root disk and the empty ones.
func (b *builder) disks() {
	v := b.boot.Virtualisation
	path := b.rootImage()
	if path != "" {
		b.noComma("virtualisation.diskImage", path)
		image := place.RootImage(v)
		root := launchdoc.Disk{Path: path, Size: image.Size, Format: launchdoc.FormatNone, Temporary: b.Ephemeral}
		if image.Label != "" {
			root.Format, root.FSLabel = launchdoc.FormatExt4, image.Label
		}
		b.disk(root, RootSerial)
	}
	for i, empty := range v.EmptyDiskImages {
		b.disk(launchdoc.Disk{
			Path:      b.path("virtualisation.emptyDiskImages", fmt.Sprintf("$TMPDIR/empty%d.raw", i)),
			Size:      int64(empty.Size) << 20,
			Format:    launchdoc.FormatNone,
			Temporary: !b.Host.KeepsTMPDIR(),
		}, cmp.Or(empty.DriveConfig.DeviceExtraOpts.Serial, fmt.Sprintf("empty%d", i)))
	}
	for i, drive := range v.QEMU.Drives {
		b.device(b.path(fmt.Sprintf("virtualisation.qemu.drives[%d].file", i), drive.File), drive.DeviceExtraOpts.Serial)
	}
}

// storeIsImage reports whether the guest has an image of the store, and no share.
func (b *builder) storeIsImage() bool {
	return b.Store == bootdoc.StoreImage || b.boot.Virtualisation.Store == bootdoc.StoreImage
}

// storeImage adds the image of the closure, last: the names of the other disks do
// not depend on where the store is.
func (b *builder) storeImage() {
	switch b.Store {
	case "", bootdoc.StoreImage, b.boot.Virtualisation.Store:
	case bootdoc.StoreShare:
		err := fmt.Errorf("--store %s: the system is made for an image", b.Store)
		b.fail(fault.Hint(err, `nixvf.store = "share" in virtualisation.vmVariant makes it for the share`))
	default:
		b.fail(field("--store", fmt.Errorf("%q is neither %s nor %s", b.Store, bootdoc.StoreShare, bootdoc.StoreImage)))
	}
	if !b.storeIsImage() {
		return
	}
	if len(b.boot.Roots) == 0 {
		b.fail(errors.New("store: an image is made from the document's roots, and it has none"))
	}
	path, err := b.Host.StoreImage(b.boot.Roots)
	b.fail(err)
	b.noComma("the cache directory", path)
	b.doc.Images = append(b.doc.Images, launchdoc.Image{Path: path, Closure: b.boot.Roots})
	device, err := config.VirtioBlkNew(path)
	if err == nil {
		device.SetDeviceIdentifier(bootdoc.StoreTag)
		device.ReadOnly = true
	}
	b.add(device, err)
}

// rootImage returns the path of the root disk, "" without one. That of an
// ephemeral VM is in its state directory, whatever image other runs have.
func (b *builder) rootImage() string {
	image, host := b.boot.Virtualisation.DiskImage, b.Host
	if b.Ephemeral {
		if b.Disk != "" {
			b.fail(fault.Usage(errors.New("--disk: an ephemeral VM has its own disk, which is removed with it")))
		}
		if image != nil {
			image = bootdoc.Defaults(b.boot.Name).DiskImage
		}
		host.Lookup = func(name string) (string, bool) {
			if name == "NIX_DISK_IMAGE" {
				return "", false
			}
			return b.Host.Lookup(name)
		}
	}
	path, warnings, err := host.Disk(b.vm, image, b.Disk)
	b.fail(err)
	b.warnings = append(b.warnings, warnings...)
	return path
}

// disk adds a disk; serial is the number by which the guest can know it.
func (b *builder) disk(disk launchdoc.Disk, serial string) {
	b.doc.Disks = append(b.doc.Disks, disk)
	b.device(disk.Path, serial)
}

// device adds a disk's device.
func (b *builder) device(path, serial string) {
	device, err := config.VirtioBlkNew(path)
	if err == nil && serial != "" {
		device.SetDeviceIdentifier(serial)
	}
	b.add(device, err)
}

// shares adds the shared directories: the store first, the others by tag.
func (b *builder) shares() {
	type share struct {
		name, source string // of the field or flag, and what it says
		writable     bool
	}
	shares := map[string]share{}
	for tag, s := range b.boot.Virtualisation.SharedDirectories {
		if tag == bootdoc.StoreTag && b.storeIsImage() {
			continue
		}
		shares[tag] = share{"virtualisation.sharedDirectories." + tag + ".source", s.Source, s.Writable}
	}
	for tag, s := range b.Shares {
		given, ok := shares[tag]
		shares[tag] = share{"--share " + tag, s.Path, !s.ReadOnly && (!ok || given.writable)}
	}
	storeFirst := func(a, b string) int {
		switch bootdoc.StoreTag {
		case a:
			return -1
		case b:
			return 1
		}
		return strings.Compare(a, b)
	}
	for _, tag := range slices.SortedFunc(maps.Keys(shares), storeFirst) {
		s := shares[tag]
		b.fail(field(s.name, bootdoc.CheckTag(tag)))
		path := b.path(s.name, s.source)
		b.directory(s.name, path)
		b.add(config.VirtioFsNew(path, tag))
		if !s.writable {
			b.doc.ReadOnly = append(b.doc.ReadOnly, tag)
		}
	}
	b.hostCerts()
}

// directory asks for a shared directory, and those above it, when it lies in
// the TMPDIR of its VM: others are the user's own and must exist.
func (b *builder) directory(name, path string) {
	tmp, err := b.Host.Path(b.vm, "$TMPDIR")
	below, ok := strings.CutPrefix(path, tmp+"/")
	switch {
	case err != nil:
		b.fail(err)
	case path == b.vm.Run():
		b.fail(field(name, fmt.Errorf("%q is the VM's own run directory: share one in it, like $TMPDIR/xchg", path)))
	case ok:
		for part := range strings.SplitSeq(below, "/") {
			tmp = filepath.Join(tmp, part)
			d := launchdoc.Directory{Path: tmp, Temporary: !b.Host.KeepsTMPDIR()}
			if !slices.Contains(b.doc.Directories, d) {
				b.doc.Directories = append(b.doc.Directories, d)
			}
		}
	}
}

// credentials names the files of credentials: the document's, and those of flags,
// which go before them.
func (b *builder) credentials() {
	add := func(option, name, source string) {
		path, err := b.Host.Path(b.vm, source)
		b.fail(field(option, err))
		if b.doc.Credentials == nil {
			b.doc.Credentials = map[string]string{}
		}
		b.doc.Credentials[name] = path
	}
	document := b.boot.Virtualisation.Credentials
	for _, name := range slices.Sorted(maps.Keys(document)) {
		if _, given := b.Credentials[name]; !given {
			add("virtualisation.credentials."+name, name, document[name])
		}
	}
	for _, name := range slices.Sorted(maps.Keys(b.Credentials)) {
		add("--credential "+name, name, b.Credentials[name])
	}
}

// hostCerts asks for the host's certificates where the guest finds them, as in
// qemu-vm.nix: in the share called certs.
func (b *builder) hostCerts() {
	if !b.boot.Virtualisation.UseHostCerts {
		return
	}
	from := b.Host.Env("NIX_SSL_CERT_FILE")
	if from == "" {
		b.warn("virtualisation.useHostCerts: NIX_SSL_CERT_FILE is not set: the VM gets no certificates")
		return
	}
	certs := b.path("virtualisation.useHostCerts", "$TMPDIR/certs")
	b.directory("virtualisation.useHostCerts", certs)
	from, err := b.Host.Path(b.vm, from)
	b.fail(field("NIX_SSL_CERT_FILE", err))
	b.doc.Files = append(b.doc.Files, launchdoc.File{From: from, To: filepath.Join(certs, "ca-certificates.crt")})
}

package vfkit

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/crc-org/vfkit/pkg/config"

	"github.com/nixvf/nixvf/pkg/fault"
)

// devices are one of each kind that vfkit takes, and the options of each on
// the command line, which may stand in any order.
var devices = []struct {
	kind    string
	options []string
	want    config.VirtioDevice
}{
	{"virtio-blk", []string{"path=/no/such/a b.raw", "deviceId=root", "readonly"}, blk("/no/such/a b.raw", "root", true)},
	{"virtio-blk", []string{"path=/x=y.raw"}, blk("/x=y.raw", "", false)},
	{"virtio-fs", []string{"sharedDir=/nix/store", "mountTag=nix-store"}, &config.VirtioFs{
		SharedDir: "/nix/store", DirectorySharingConfig: config.DirectorySharingConfig{MountTag: "nix-store"}}},
	{"rosetta", []string{"mountTag=rosetta", "install", "ignore-if-missing"}, &config.RosettaShare{
		DirectorySharingConfig: config.DirectorySharingConfig{MountTag: "rosetta"}, InstallRosetta: true, IgnoreIfMissing: true}},
	{"virtio-net", []string{"nat", "mac=52:54:00:00:00:01"}, &config.VirtioNet{Nat: true, MacAddress: []byte{0x52, 0x54, 0, 0, 0, 1}}},
	{"virtio-net", []string{"unixSocketPath=/s", "mac=52:54:00:00:00:01"}, &config.VirtioNet{
		UnixSocketPath: "/s", VfkitMagic: true, MacAddress: []byte{0x52, 0x54, 0, 0, 0, 1}}},
	{"virtio-rng", nil, &config.VirtioRng{}},
	{"virtio-balloon", nil, &config.VirtioBalloon{}},
	{"virtio-serial", []string{"stdio"}, &config.VirtioSerial{UsesStdio: true}},
	{"virtio-serial", []string{"pty"}, &config.VirtioSerial{UsesPty: true}},
	{"virtio-serial", []string{"logFilePath=/l"}, &config.VirtioSerial{LogFile: "/l"}},
	{"virtio-vsock", []string{"port=22", "socketURL=/s", "connect"}, &config.VirtioVsock{Port: 22, SocketURL: "/s"}},
	{"virtio-gpu", []string{"width=800", "height=600"}, &config.VirtioGPU{VirtioGPUResolution: config.VirtioGPUResolution{Width: 800, Height: 600}}},
	{"virtio-input", []string{"keyboard"}, &config.VirtioInput{InputType: "keyboard"}},
}

func blk(path, id string, readOnly bool) *config.VirtioBlk {
	dev, _ := config.VirtioBlkNew(path)
	dev.SetDeviceIdentifier(id)
	dev.ReadOnly = readOnly
	return dev
}

// Each device means the same in every order of its options, and survives the
// way to the command line and back.
func TestParseDevices(t *testing.T) {
	for _, d := range devices {
		for _, options := range permutations(d.options) {
			device := strings.Join(append([]string{d.kind}, options...), ",")
			c, err := Parse([]string{"--kernel", "/k", "--initrd", "/i", "--kernel-cmdline", "x", "--device", device})
			if err != nil || len(c.VM.Devices) != 1 || !reflect.DeepEqual(c.VM.Devices[0], d.want) {
				t.Errorf("%s: %v, got %+v, want %+v", device, err, c, d.want)
				continue
			}
			if again := reparse(t, c.VM); !reflect.DeepEqual(again, c.VM) {
				t.Errorf("%s: got %+v, want %+v", device, again, c.VM)
			}
		}
	}
}

// reparse sends a configuration to the command line and back.
func reparse(t *testing.T, vm *config.VirtualMachine) *config.VirtualMachine {
	t.Helper()
	args, err := vm.ToCmdLine()
	if err != nil {
		t.Fatal(err)
	}
	again, err := Parse(args)
	if err != nil {
		t.Fatalf("%v: %q", err, args)
	}
	return again.VM
}

func permutations(list []string) [][]string {
	if len(list) == 0 {
		return [][]string{nil}
	}
	var all [][]string
	for i := range list {
		for _, rest := range permutations(slices.Delete(slices.Clone(list), i, i+1)) {
			all = append(all, append([]string{list[i]}, rest...))
		}
	}
	return all
}

// What nixvf-args prints means to the parser what it meant to say.
func TestLaunchRoundTrip(t *testing.T) {
	doc, _, err := Launch(boot(t, settings(`"graphics":true,"rosetta":{"enable":true},"emptyDiskImages":[1]`)),
		Options{Host: host(), Flags: Flags{Vsock: []Port{22}, KernelParams: []string{`a="b, c"`, "--x"}}})
	if err != nil {
		t.Fatal(err)
	}
	c, err := Parse(doc.Argv[1:])
	if err != nil {
		t.Fatal(err)
	}
	opts, vm := c.Options, c.VM
	if !opts.UseGUI || opts.Vcpus != 1 || vm.Vcpus != 1 || opts.MemoryMiB != 1024 || vm.Memory.ToBytes() != 1024<<20 {
		t.Errorf("got %+v", opts)
	}
	linux := config.LinuxBootloader{VmlinuzPath: "/k", InitrdPath: "/i", KernelCmdLine: `quiet console=hvc0 init=/s/init a="b, c" --x`}
	if got, ok := vm.Bootloader.(*config.LinuxBootloader); !ok || *got != linux {
		t.Errorf("got %+v", vm.Bootloader)
	}
	args, err := vm.ToCmdLine()
	if err != nil || !slices.Equal(append(args, "--gui"), doc.Argv[1:]) {
		t.Errorf("%v, got %q\nwant %q", err, args, doc.Argv[1:])
	}
}

func TestParseFlags(t *testing.T) {
	for _, args := range [][]string{
		{"-c", "2", "-m", "512", "-k", "/k", "-i", "/i", "-C", "a b"},
		{"--cpus=2", "--memory=512", "--kernel=/k", "--initrd=/i", "--kernel-cmdline=a b"},
		{"--cpus", "4", "--bootloader", `linux,kernel=/k,initrd=/i,cmdline="a b"`, "--cpus", "2", "--memory", "512"},
	} {
		c, err := Parse(args)
		want := config.NewVirtualMachine(2, 512, config.NewLinuxBootloader("/k", "a b", "/i"))
		if err != nil || !reflect.DeepEqual(c.VM, want) {
			t.Errorf("%q: %v, got %+v", args, err, c)
		}
	}
	c, err := Parse([]string{"-b", "efi,variable-store=/v,create", "--timesync", "vsockPort=5", "--ignition", "/x.ign",
		"--restful-uri", "unix:///r", "--log-level", "error", "--pidfile", "/p", "--nested"})
	if err != nil {
		t.Fatal(err)
	}
	opts, vm := c.Options, c.VM
	if vm.Timesync.VsockPort != 5 || vm.Ignition.ConfigPath != "/x.ign" || !vm.Nested ||
		opts.RestfulURI != "unix:///r" || opts.LogLevel != "error" || opts.PidFile != "/p" {
		t.Errorf("got %+v, %+v", opts, vm)
	}
}

func TestParseErrors(t *testing.T) {
	device := func(devices ...string) []string {
		args := []string{"-k", "/k", "-i", "/i", "-C", "x"}
		for _, d := range devices {
			args = append(args, "--device", d)
		}
		return args
	}
	tests := []struct {
		args []string
		want []string
	}{
		{nil, []string{"neither --kernel nor --bootloader is given"}},
		{[]string{"-k", "", "-i", "", "-C", ""}, []string{"neither --kernel nor --bootloader is given"}},
		{[]string{"-k", "/k"}, []string{"if any flags in the group [kernel initrd kernel-cmdline] are set they must all be set; missing [initrd kernel-cmdline]"}},
		{[]string{"--cpus", "two"}, []string{`invalid argument "two" for "-c, --cpus" flag: strconv.ParseUint: parsing "two": invalid syntax`}},
		{[]string{"--cpus"}, []string{"flag needs an argument: --cpus"}},
		{[]string{"-h"}, []string{"--help is not a flag that starts a VM"}},
		{device("virtio-fs,sharedDir=/a,b,mountTag=x", "virtio-blk", "virtio-blk,path=", "virtio-net,fd=3", "virtio-net", "nope", ""), []string{
			`--device "virtio-fs,sharedDir=/a,b,mountTag=x": unknown option for virtio-fs devices: b`,
			`--device "virtio-blk": virtio-blk needs the path of a disk image`,
			`--device "virtio-blk,path=": virtio-blk needs the path of a disk image`,
			`--device "virtio-net,fd=3": inherited file descriptors cannot be passed on`,
			`--device "virtio-net": one of 'nat' or 'fd' or 'unixSocketPath' must be set`,
			`--device "nope": unknown device type: nope`, `--device "": unknown device type: `}},
		{append(device(), "x"), []string{`"x" is neither a flag nor a flag's value`}},
		{append(device(), "--", "--gui"), []string{`"--gui" is neither a flag nor a flag's value`}},
		{append(device(), "--timesync", "x"), []string{`--timesync "x": unknown option for timesync parameter: x`}},
		{append(device(), "--ignition", "a,b"), []string{`--ignition "a,b": ignition only accepts one option in command line argument`}},
	}
	for _, tt := range tests {
		_, err := Parse(tt.args)
		if got := fault.Lines(err); !slices.Equal(got, tt.want) {
			t.Errorf("%q: got %q\nwant %q", tt.args, got, tt.want)
		}
	}
}

// Nothing panics, and what parses survives the way to the command line and
// back.
func FuzzParse(f *testing.F) {
	for _, d := range devices {
		f.Add("-k\n/k\n-i\n/i\n-C\nx\n--device\n" + strings.Join(append([]string{d.kind}, d.options...), ","))
	}
	f.Add("-b\nlinux,kernel=/k,initrd=/i,cmdline=\"a b\"\n-c\n2\n--nested")
	f.Add("--bootloader\nefi,variable-store=/v,create\n--timesync\nvsockPort=1")
	f.Add("--bootloader\nmacos,machineIdentifierPath=/a,hardwareModelPath=/b,auxImagePath=/c")
	f.Add("-k\n/k\n-i\n/i\n-C\nx\n-d\nnbd,uri=nbd://x,timeout=1,sync=none\n-d\nnvme,path=/x\n-d\nusb-mass-storage,path=/x,readonly")
	f.Fuzz(func(t *testing.T, text string) {
		words := strings.Split(text, "\n")
		c, err := Parse(words)
		if err != nil {
			return
		}
		if args := c.Args(); !slices.Equal(args, words) {
			t.Errorf("%q has become %q", words, args)
		}
		vm := c.VM
		args, err := vm.ToCmdLine()
		if _, mac := vm.Bootloader.(*config.MacOSBootloader); err != nil || mac {
			return // an empty option that only vfkit's start would refuse; and vfkit writes no such loader
		}
		if _, err := Parse(args); err != nil {
			t.Errorf("%q: %v, from %q", args, err, text)
		}
	})
}

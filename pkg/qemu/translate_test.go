package qemu

import (
	"slices"
	"strings"
	"testing"

	"github.com/nixvf/nixvf/pkg/vfkit"
)

// linux is the part of a command line that every VM has.
var linux = []string{"--cpus", "2", "--memory", "512", "--kernel", "/k", "--initrd", "/i", "--kernel-cmdline", "console=hvc0 a=b,c"}

func translate(t *testing.T, host Host, args ...string) (*Plan, error) {
	t.Helper()
	c, err := vfkit.Parse(append(slices.Clone(linux), args...))
	if err != nil {
		t.Fatal(err)
	}
	return Translate(c, host)
}

func TestTranslate(t *testing.T) {
	x86 := Host{System: "x86_64-linux", Sockets: "/run/vm"}
	const base = "-nodefaults -no-user-config -machine q35,accel=tcg,memory-backend=mem -cpu max,-erms -smp 2 -m 512M " +
		"-object memory-backend-memfd,id=mem,size=512M,share=on -chardev socket,id=qmp,server=on,wait=off,path=/run/vm/qmp.sock " +
		"-mon chardev=qmp,mode=control -chardev socket,id=events,server=on,wait=off,path=/run/vm/events.sock -mon chardev=events,mode=control -chardev socket,id=trouble,server=on,wait=off,path=/run/vm/trouble.sock -mon chardev=trouble,mode=control -device pvpanic-pci -action panic=exit-failure -display none -kernel /k -initrd /i -append console=hvc0 a=b,c"
	kvm := strings.NewReplacer("accel=tcg", "accel=kvm", "-cpu max,-erms", "-cpu host")
	arm := strings.NewReplacer("q35,", "virt,gic-version=max,", "-cpu max,-erms", "-cpu max,pauth-impdef=on")
	tests := []struct {
		name    string
		host    Host
		devices []string
		want    string
	}{
		{"nothing", x86, nil, base},
		{"kvm", Host{System: "x86_64-linux", Sockets: "/run/vm", KVM: true}, nil, kvm.Replace(base)},
		{"arm64", Host{System: "aarch64-linux", Sockets: "/run/vm"}, nil, arm.Replace(base)},
		{"disks", x86, []string{"virtio-blk,path=/a.raw", "virtio-blk,path=/b.raw,deviceId=b,readonly"},
			base + " -drive if=none,id=disk0,format=raw,werror=stop,file=/a.raw,discard=unmap -device virtio-blk-pci,drive=disk0" +
				" -drive if=none,id=disk1,format=raw,werror=stop,file=/b.raw,readonly=on -device virtio-blk-pci,drive=disk1,serial=b"},
		{"other disks", x86, []string{"nvme,path=/a.raw", "usb-mass-storage,path=/b.iso,readonly", "usb-mass-storage,path=/c"},
			base + " -drive if=none,id=disk0,format=raw,werror=stop,file=/a.raw,discard=unmap -device nvme,drive=disk0,serial=nvme0" +
				" -device qemu-xhci -drive if=none,id=disk1,format=raw,werror=stop,file=/b.iso,readonly=on -device usb-storage,drive=disk1" +
				" -drive if=none,id=disk2,format=raw,werror=stop,file=/c,discard=unmap -device usb-storage,drive=disk2"},
		{"a screen without a window", x86, []string{"virtio-gpu,width=1024,height=768", "virtio-input,pointing", "virtio-input,keyboard"},
			base + " -device virtio-gpu-pci,xres=1024,yres=768 -device virtio-tablet-pci -device virtio-keyboard-pci"},
		{"shares", x86, []string{"virtio-fs,sharedDir=/nix/store,mountTag=nix-store", "virtio-fs,sharedDir=/a,mountTag=b"},
			base + " -chardev socket,id=fs0,path=/run/vm/virtiofs-0.sock -device vhost-user-fs-pci,chardev=fs0,tag=nix-store" +
				" -chardev socket,id=fs1,path=/run/vm/virtiofs-1.sock -device vhost-user-fs-pci,chardev=fs1,tag=b"},
		{"network", x86, []string{"virtio-net,nat,mac=52:54:00:00:00:01"},
			base + " -netdev user,id=net0 -device virtio-net-pci,netdev=net0,mac=52:54:00:00:00:01,romfile="},
		{"network of our own", Host{System: "x86_64-linux", Sockets: "/run/vm", CardFD: 3}, []string{"virtio-net,nat", "virtio-net,nat"},
			base + " -netdev socket,id=net0,fd=3 -device virtio-net-pci,netdev=net0,romfile=" +
				" -netdev socket,id=net1,fd=4 -device virtio-net-pci,netdev=net1,romfile="},
		{"entropy and balloon", x86, []string{"virtio-rng", "virtio-balloon"},
			base + " -object rng-random,id=rng0,filename=/dev/urandom -device virtio-rng-pci,rng=rng0 -device virtio-balloon-pci"},
		{"console on stdio", x86, []string{"virtio-serial,stdio"},
			base + " -device virtio-serial-pci -chardev stdio,signal=off,id=console0 -device virtconsole,chardev=console0"},
		{"two consoles", x86, []string{"virtio-serial,pty", "virtio-serial,logFilePath=/log"},
			base + " -device virtio-serial-pci -chardev pty,id=console0 -device virtconsole,chardev=console0" +
				" -chardev file,append=on,id=console1,path=/log -device virtconsole,chardev=console1"},
	}
	for _, tt := range tests {
		var args []string
		for _, d := range tt.devices {
			args = append(args, "--device", d)
		}
		plan, err := translate(t, tt.host, args...)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if got := strings.Join(plan.Args, " "); got != tt.want {
			t.Errorf("%s:\n got %s\nwant %s", tt.name, got, tt.want)
		}
	}
}

func TestTranslateRefuses(t *testing.T) {
	x86 := Host{System: "x86_64-linux"}
	tests := []struct {
		name string
		host Host
		args []string
		want string
	}{
		{"platform", Host{System: "sparc-linux"}, nil, `system: no QEMU machine type is known for a "sparc-linux" guest`},
		{"vsock", x86, []string{"--device", "virtio-vsock,port=22,socketURL=/s,connect"}, "port 22: this user cannot open /dev/vhost-vsock"},
		{"vsock to the host", Host{System: "x86_64-linux", Vsock: true}, []string{"--device", "virtio-vsock,port=22,socketURL=/s"}, "are vfkit's alone"},
		{"network block device", x86, []string{"--device", "nbd,uri=nbd://x/y"}, "for nbd"},
		{"socket network", x86, []string{"--device", "virtio-net,unixSocketPath=/s"}, "for virtio-net"},
		{"window", x86, []string{"--gui"}, "--gui: there is no display for a window"},
		{"nested", Host{System: "x86_64-linux", KVM: true}, []string{"--nested"}, "--nested: this host's KVM does not nest"},
		{"nested on arm64", Host{System: "aarch64-linux", KVM: true, Nests: true}, []string{"--nested"}, "--nested: nixvf-boot knows no KVM of arm64 that nests"},
	}
	for _, tt := range tests {
		_, err := translate(t, tt.host, tt.args...)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
}

func TestTranslateNested(t *testing.T) {
	for _, tt := range []struct {
		host Host
		want string
	}{
		{Host{System: "x86_64-linux"}, "q35,accel=tcg,"},
		{Host{System: "x86_64-linux", KVM: true, Nests: true}, "q35,accel=kvm,"},
		{Host{System: "aarch64-linux"}, "virt,gic-version=max,virtualization=on,accel=tcg,"},
	} {
		plan, err := translate(t, tt.host, "--nested")
		if err != nil || !strings.Contains(strings.Join(plan.Args, " "), "-machine "+tt.want) {
			t.Errorf("%+v: %v %v", tt.host, plan, err)
		}
	}
	for parameter, want := range map[string]bool{"Y\n": true, "1\n": true, "N\n": false, "0\n": false, "": false} {
		if Nests(parameter) != want {
			t.Errorf("%q: %t", parameter, !want)
		}
	}
}

func TestTranslateBootloader(t *testing.T) {
	for _, loader := range []string{"efi,variable-store=/x", "macos,machineIdentifierPath=/a,hardwareModelPath=/b,auxImagePath=/c"} {
		c, err := vfkit.Parse([]string{"--bootloader", loader})
		if err != nil {
			t.Fatal(err)
		}
		_, err = Translate(c, Host{System: "aarch64-linux"})
		if err == nil || !strings.Contains(err.Error(), "only Linux kernels are booted directly under QEMU") {
			t.Errorf("%s: %v", loader, err)
		}
	}
}

func TestTranslateVsock(t *testing.T) {
	plan, err := translate(t, Host{System: "x86_64-linux", Vsock: true, CID: 77},
		"--device", "virtio-vsock,port=22,socketURL=/a,connect", "--device", "virtio-vsock,port=80,socketURL=/b,connect")
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(strings.Join(plan.Args, " "), "vhost-vsock-pci,guest-cid=77"); n != 1 {
		t.Errorf("%d devices", n)
	}
	if want := []Port{{22, "/a"}, {80, "/b"}}; !slices.Equal(plan.Vsock, want) || plan.CID != 77 {
		t.Errorf("%+v", plan)
	}
}

func TestTranslateWindow(t *testing.T) {
	plan, err := translate(t, Host{System: "x86_64-linux", Display: true}, "--gui")
	if err != nil || !strings.Contains(strings.Join(plan.Args, " "), "-display gtk") {
		t.Errorf("%v, %v", plan, err)
	}
}

func TestTranslateDropsOptional(t *testing.T) {
	rosetta := "rosetta,mountTag=rosetta"
	plan, err := translate(t, Host{System: "x86_64-linux", Optional: []string{rosetta}}, "--device", rosetta)
	if err != nil || len(plan.Warnings) != 1 || strings.Contains(strings.Join(plan.Args, " "), "rosetta") {
		t.Errorf("%+v, %v", plan, err)
	}
	if _, err := translate(t, Host{System: "x86_64-linux"}, "--device", rosetta); err == nil {
		t.Error("rosetta is dropped although nobody called it optional")
	}
}

func TestDaemonCommand(t *testing.T) {
	const (
		cHelp    = "usage: virtiofsd [options]\n -o source=PATH  shared directory tree"
		rustHelp = "Options:\n --shared-dir <SHARED_DIR>\n"
	)
	tests := []struct {
		name, help string
		served     Served
		want       string // prefix
		not        string
	}{
		{"C, writable", cHelp, Served{Root: true}, "/v --fd=3 -o source=/d -o sandbox=chroot -o cache=auto", "unshare"},
		{"C, read-only", cHelp, Served{ReadOnly: true, Root: true}, "unshare --mount sh -c " + readOnlyMount + " sh /d /v --fd=3 -o source=/d", "map-root"},
		{"Rust, writable", rustHelp, Served{Root: true}, "/v --fd=3 --shared-dir=/d --sandbox=chroot --cache=auto", "readonly"},
		{"Rust, read-only", rustHelp + "--readonly", Served{ReadOnly: true, Root: true}, "/v --fd=3 --shared-dir=/d --sandbox=chroot --cache=auto", "unshare"},
		{"old Rust, read-only", rustHelp, Served{ReadOnly: true, Root: true}, "unshare --mount sh -c", "--readonly"},
		{"old Rust, not root", rustHelp, Served{ReadOnly: true}, "unshare --mount --map-root-user sh -c " + readOnlyMount + " sh /d /v", "cache=always"},
		{"Rust, handles", rustHelp + "--inode-file-handles", Served{Root: true}, "/v --fd=3 --shared-dir=/d --sandbox=chroot --cache=auto --log-level=warn --inode-file-handles=prefer --modcaps=+dac_read_search", "readonly"},
		{"Rust, handles, not root", rustHelp + "--inode-file-handles", Served{}, "/v --fd=3 --shared-dir=/d --sandbox=none --cache=auto --log-level=warn", "handles"},
		{"Rust, not root", rustHelp + "--readonly", Served{ReadOnly: true, Store: true}, "/v --fd=3 --shared-dir=/d --sandbox=none --cache=always", "unshare"},
	}
	for _, tt := range tests {
		tt.served.Dir = "/d"
		d, err := NewDaemon("/v", tt.help, 0)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		got := strings.Join(d.Command(tt.served), " ")
		if !strings.HasPrefix(got, tt.want) || strings.Contains(got, tt.not) {
			t.Errorf("%s: %s", tt.name, got)
		}
		if strings.HasSuffix(got, "--readonly") != (tt.served.ReadOnly && d.ReadOnly) {
			t.Errorf("%s: %s", tt.name, got)
		}
	}
	d := Daemon{Path: "/v"}
	if got := strings.Join(d.Command(Served{Dir: `/a\b\101,c`}), " "); !strings.Contains(got, ` source=/a\\b\\101\,c `) {
		t.Errorf("not as libfuse reads it: %s", got)
	}
	if _, err := NewDaemon("/v", "usage: something else", 0); err == nil {
		t.Error("another program passes for virtiofsd")
	}
	for _, help := range []string{"setgroups() failed with error=1:Operation not permitted", cHelp} {
		if _, err := NewDaemon("/v", help, 1000); err == nil || !strings.Contains(err.Error(), "only as root") {
			t.Errorf("the C implementation as a user: %v", err)
		}
	}
}

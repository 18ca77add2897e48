package vfkit

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/nixvf/nixvf/pkg/bootdoc"
	"github.com/nixvf/nixvf/pkg/launchdoc"
	"github.com/nixvf/nixvf/pkg/place"
)

const state = "/home/ann/.local/state/nixvf/x-1"

// host is a host with the given variables besides HOME.
func host(variables ...string) place.Host {
	variables = append(variables, "HOME=/home/ann")
	return place.Host{Dir: "/srv", Files: fstest.MapFS{}, Lookup: func(name string) (string, bool) {
		for _, v := range variables {
			if value, ok := strings.CutPrefix(v, name+"="); ok {
				return value, true
			}
		}
		return "", false
	}}
}

// boot parses a small boot document with more fields.
func boot(t testing.TB, fields string) *bootdoc.Document {
	t.Helper()
	doc, _, err := bootdoc.Parse([]byte(`{"id":"x-1","name":"x","kernel":"/k","initrd":"/i","init":"/s/init","kernel-params":["quiet"]` + fields + "}"))
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// settings is a field of the boot document with the VM's settings.
func settings(fields string) string { return `,"virtualisation":{` + fields + "}" }

// Without further settings.
const golden = `{
  "version": 1,
  "name": "x",
  "id": "x-1",
  "argv": [
    "vfkit",
    "--cpus",
    "1",
    "--memory",
    "1024",
    "--kernel",
    "/k",
    "--initrd",
    "/i",
    "--kernel-cmdline",
    "quiet console=hvc0 init=/s/init",
    "--device",
    "virtio-blk,path=/home/ann/.local/state/nixvf/x-1/x.raw,deviceId=root",
    "--device",
    "virtio-fs,sharedDir=/nix/store,mountTag=nix-store",
    "--device",
    "virtio-net,nat,mac=52:e0:f2:6c:5c:92",
    "--device",
    "virtio-rng",
    "--device",
    "virtio-serial,stdio"
  ],
  "readOnly": [
    "nix-store"
  ],
  "disks": [
    {
      "path": "/home/ann/.local/state/nixvf/x-1/x.raw",
      "size": 1073741824,
      "format": "ext4",
      "fsLabel": "nixos"
    }
  ]
}
`

// With everything that a document and the flags can ask for.
const goldenFull = `{
  "version": 1,
  "name": "x",
  "id": "two",
  "system": "aarch64-linux",
  "roots": [
    "/nix/store/a"
  ],
  "argv": [
    "vfkit",
    "--cpus",
    "3",
    "--memory",
    "2048",
    "--kernel",
    "/k",
    "--initrd",
    "/i",
    "--kernel-cmdline",
    "quiet console=hvc0 init=/s/init regInfo=/r/registration q=1 n=2 debug a=\"b c\"",
    "--device",
    "virtio-blk,path=/srv/d.raw,deviceId=root",
    "--device",
    "virtio-blk,path=/home/ann/.local/state/nixvf/two/run/empty0.raw,deviceId=empty0",
    "--device",
    "virtio-blk,path=/home/ann/.local/state/nixvf/two/run/empty1.raw,deviceId=empty1",
    "--device",
    "virtio-fs,sharedDir=/nix/store,mountTag=nix-store",
    "--device",
    "virtio-fs,sharedDir=/home/ann/.local/state/nixvf/two/run/certs,mountTag=certs",
    "--device",
    "virtio-fs,sharedDir=/home/ann,mountTag=home",
    "--device",
    "virtio-fs,sharedDir=/home/ann/.local/state/nixvf/two/run/xchg,mountTag=shared",
    "--device",
    "virtio-fs,sharedDir=/home/ann/.local/state/nixvf/two/run/xchg,mountTag=xchg",
    "--device",
    "rosetta,mountTag=rosetta",
    "--device",
    "virtio-net,nat,mac=52:54:00:00:00:01",
    "--device",
    "virtio-rng",
    "--device",
    "virtio-gpu,width=800,height=600",
    "--device",
    "virtio-input,pointing",
    "--device",
    "virtio-input,keyboard",
    "--device",
    "virtio-serial,logFilePath=/srv/vm.log",
    "--device",
    "virtio-vsock,port=22,socketURL=/home/ann/.local/state/nixvf/two/run/vsock-22.sock,connect",
    "--device",
    "virtio-vsock,port=1024,socketURL=/home/ann/.local/state/nixvf/two/run/vsock-1024.sock,connect",
    "--gui",
    "--device",
    "virtio-balloon"
  ],
  "optional": [
    "rosetta,mountTag=rosetta"
  ],
  "sockets": "/home/ann/.local/state/nixvf/two/run",
  "readOnly": [
    "nix-store",
    "home"
  ],
  "disks": [
    {
      "path": "/srv/d.raw",
      "size": 20971520,
      "format": "none"
    },
    {
      "path": "/home/ann/.local/state/nixvf/two/run/empty0.raw",
      "size": 1048576,
      "format": "none",
      "temporary": true
    },
    {
      "path": "/home/ann/.local/state/nixvf/two/run/empty1.raw",
      "size": 2097152,
      "format": "none",
      "temporary": true
    }
  ],
  "directories": [
    {
      "path": "/home/ann/.local/state/nixvf/two/run/certs",
      "temporary": true
    },
    {
      "path": "/home/ann/.local/state/nixvf/two/run/xchg",
      "temporary": true
    }
  ],
  "files": [
    {
      "from": "/etc/ca.crt",
      "to": "/home/ann/.local/state/nixvf/two/run/certs/ca-certificates.crt"
    }
  ],
  "forwardPorts": [
    {
      "from": "host",
      "proto": "tcp",
      "host": {
        "address": "",
        "port": 2222
      },
      "guest": {
        "address": "",
        "port": 22
      }
    },
    {
      "from": "host",
      "proto": "udp",
      "host": {
        "address": "127.0.0.1",
        "port": 53
      },
      "guest": {
        "address": "",
        "port": 53
      }
    },
    {
      "from": "host",
      "proto": "tcp",
      "host": {
        "address": "",
        "port": 8080
      },
      "guest": {
        "address": "",
        "port": 80
      }
    }
  ],
  "restrictNetwork": true
}
`

func TestLaunchGolden(t *testing.T) {
	yes := true
	full := boot(t, `,"system":"aarch64-linux","regInfo":"/r/registration","roots":["/nix/store/a"]`+settings(`
		"cores":2, "memorySize":512, "diskImage":"./d.qcow2", "diskSize":20, "useDefaultFilesystems":false,
		"emptyDiskImages":[1,2], "resolution":{"x":800,"y":600}, "rosetta":{"enable":true},
		"restrictNetwork":true, "useHostCerts":true,
		"forwardPorts":[{"host":{"port":2222},"guest":{"port":22}}],
		"sharedDirectories":{
			"certs": {"source":"\"$TMPDIR\"/certs"},
			"home": {"source":"/elsewhere","writable":false},
			"nix-store": {"source":"/nix/store"},
			"shared": {"source":"\"${SHARED_DIR:-$TMPDIR/xchg}\""},
			"xchg": {"source":"\"$TMPDIR\"/xchg"}}`))
	for _, tt := range []struct {
		boot     *bootdoc.Document
		options  Options
		want     string
		warnings []string
	}{
		{boot(t, ""), Options{Host: host()}, golden, nil},
		{full, Options{
			Flags: Flags{
				ID: "two", CPUs: 3, Memory: 2048, Shares: Shares{"home": {Path: "~"}}, MAC: MAC{0x52, 0x54, 0, 0, 0, 1},
				Forward: []Forward{
					{From: "host", Proto: "tcp", Host: bootdoc.Address{Port: 8080}, Guest: bootdoc.Address{Port: 80}},
					{From: "host", Proto: "tcp", Host: bootdoc.Address{Port: 2222}, Guest: bootdoc.Address{Port: 22}},
				},
				Console: "vm.log", GUI: &yes, Vsock: []Port{1024, 22, 22}, KernelParams: []string{"debug", `a="b c"`},
			},
			Rest: []string{"--device", "virtio-balloon"},
			Host: host("QEMU_KERNEL_PARAMS= q=1", "NIXVF_KERNEL_PARAMS=n=2 ", "NIX_SSL_CERT_FILE=/etc/ca.crt",
				"QEMU_NET_OPTS=hostfwd=udp:127.0.0.1:53-:53,smb=/x"),
		}, goldenFull, []string{
			"virtualisation.diskImage: vfkit reads only raw images: using /srv/d.raw",
			`QEMU_NET_OPTS: "smb=/x" has no meaning here and is ignored`,
		}},
	} {
		doc, warnings, err := Launch(tt.boot, tt.options)
		if err != nil || !slices.Equal(warnings, tt.warnings) {
			t.Errorf("%v, %q", err, warnings)
			continue
		}
		if text, err := tt.boot.Marshal(); err != nil || string(doc.Boot) != string(launchdoc.Compact(text)) {
			t.Errorf("%v, made of %s, not %s", err, doc.Boot, text)
		}
		doc.Boot = nil // which says it all once more
		if got, err := doc.Marshal(); err != nil || string(got) != tt.want {
			t.Errorf("%v, got\n%s\nwant\n%s", err, got, tt.want)
		}
	}
}

// The words that the contract promises are literally there.
func TestContract(t *testing.T) {
	doc, _, err := Launch(boot(t, `,"regInfo":"/r/registration"`), Options{Host: host()})
	if err != nil {
		t.Fatal(err)
	}
	command := strings.Join(doc.Argv, " ")
	for _, want := range []string{
		"init=/s/init", "regInfo=/r/registration", "console=hvc0", "virtio-fs,sharedDir=/nix/store,mountTag=nix-store",
		"virtio-serial", "virtio-blk", "virtio-net,nat", "virtio-rng",
	} {
		if !strings.Contains(command, want) {
			t.Errorf("%s is missing in %s", want, command)
		}
	}
}

// argv returns vfkit's command line for a small document with more fields.
func argv(t *testing.T, fields string, o Options) (arguments string, doc *launchdoc.Document, warnings []string) {
	t.Helper()
	doc, warnings, err := Launch(boot(t, fields), o)
	if err != nil {
		t.Fatalf("%s: %v", fields, err)
	}
	return strings.Join(doc.Argv, " "), doc, warnings
}

func TestArguments(t *testing.T) {
	yes, no := true, false
	flags := func(f Flags, env ...string) Options { return Options{Flags: f, Host: host(env...)} }
	tests := []struct {
		name, fields string
		options      Options
		has, hasNot  string
		warning      string
	}{
		{"cores and memory", settings(`"cores":4,"memorySize":512`), flags(Flags{}), "--cpus 4 --memory 512", "", ""},
		{"flags go first", settings(`"cores":4,"memorySize":512`), flags(Flags{CPUs: 2, Memory: 256}), "--cpus 2 --memory 256", "", ""},
		{"no registration", "", flags(Flags{}), "init=/s/init --device", "regInfo", ""},
		{"console is given", "", flags(Flags{KernelParams: []string{"console=hvc0,115200"}}),
			"quiet init=/s/init console=hvc0,115200", "console=hvc0 ", ""},
		{"another console", "", flags(Flags{KernelParams: []string{"console=ttyS0"}}), "quiet init=/s/init console=ttyS0", "hvc0",
			"the kernel parameter console=hvc0 is missing: the VM's console will stay empty"},
		{"another console in the environment", "", flags(Flags{}, "QEMU_KERNEL_PARAMS=x console=ttyS0"), "x console=ttyS0", "hvc0",
			"the kernel parameter console=hvc0 is missing: the VM's console will stay empty"},
		{"another console on a screen", settings(`"graphics":true`), flags(Flags{KernelParams: []string{"console=tty0"}}), "console=tty0", "hvc0", ""},
		{"pty", "", flags(Flags{Console: "pty"}), "--device virtio-serial,pty", "stdio", ""},
		{"file", "", flags(Flags{Console: "$NIXVF_STATE/c.log"}), "virtio-serial,logFilePath=" + state + "/c.log", "stdio", ""},
		{"no screen", "", flags(Flags{}), "virtio-serial,stdio", "gpu", ""},
		{"screen", settings(`"graphics":true`), flags(Flags{}),
			"virtio-gpu,width=1024,height=768 --device virtio-input,pointing --device virtio-input,keyboard --device virtio-serial,stdio --gui", "", ""},
		{"--no-gui", settings(`"graphics":true`), flags(Flags{GUI: &no}), "", "gpu", ""},
		{"rosetta", settings(`"rosetta":{"enable":true,"mountTag":"rosetta"}`), flags(Flags{}), "rosetta,mountTag=rosetta", "", ""},
		{"--rosetta", "", flags(Flags{Rosetta: &yes}), "rosetta,mountTag=rosetta", "install", ""},
		{"--no-rosetta", settings(`"rosetta":{"enable":true}`), flags(Flags{Rosetta: &no}), "", "rosetta", ""},
		{"no network", settings(`"restrictNetwork":true`), flags(Flags{Net: NetNone}), "", "virtio-net", ""},
		{"no network to forward", settings(`"forwardPorts":[{"host":{"port":1},"guest":{"port":2}}]`), flags(Flags{Net: NetNone}), "", "virtio-net",
			"--net none: no port is forwarded"},
		{"MAC", "", flags(Flags{MAC: MAC{2, 0, 0, 0, 0, 0xa}}), "virtio-net,nat,mac=02:00:00:00:00:0a", "", ""},
		{"the document's MAC", settings(`"nixvf":{"mac":"02:00:00:00:00:0B"}`), flags(Flags{}), "virtio-net,nat,mac=02:00:00:00:00:0b", "", ""},
		{"MAC before the document's", settings(`"nixvf":{"mac":"02:00:00:00:00:0b"}`), flags(Flags{MAC: MAC{2, 0, 0, 0, 0, 0xa}}), "mac=02:00:00:00:00:0a", "", ""},
		{"the document's console", settings(`"nixvf":{"console":"pty"}`), flags(Flags{}), "virtio-serial,pty", "stdio", ""},
		{"console before the document's", settings(`"nixvf":{"console":"pty"}`), flags(Flags{Console: "stdio"}), "virtio-serial,stdio", "pty", ""},
		{"the document's vsock", settings(`"nixvf":{"vsock":[22]}`), flags(Flags{Vsock: []Port{22}}), "virtio-vsock,port=22,", "", ""},
		{"--nested", "", flags(Flags{Nested: &yes}), "--nested", "", ""},
		{"the document's nested", settings(`"nixvf":{"nested":true}`), flags(Flags{}), "--nested", "", ""},
		{"--no-nested", settings(`"nixvf":{"nested":true}`), flags(Flags{Nested: &no}), "", "--nested", ""},
		{"no disk", settings(`"diskImage":null`), flags(Flags{}), "", "virtio-blk", ""},
		{"NIX_DISK_IMAGE", "", flags(Flags{}, "NIX_DISK_IMAGE=/d.raw"), "virtio-blk,path=/d.raw,", "", ""},
		{"--disk", "", flags(Flags{Disk: "d.raw"}, "NIX_DISK_IMAGE=/d.raw"), "virtio-blk,path=/srv/d.raw,", "", ""},
		{"no shares", settings(`"sharedDirectories":{}`), flags(Flags{}), "", "virtio-fs", ""},
		{"SHARED_DIR", settings(`"sharedDirectories":{"s":{"source":"\"${SHARED_DIR:-$TMPDIR/xchg}\""}}`), flags(Flags{}, "SHARED_DIR=src"),
			"virtio-fs,sharedDir=/srv/src,mountTag=s", "", ""},
		{"odd but possible names", settings(`"sharedDirectories":{"a b=c":{"source":"/x y=z"}}`), flags(Flags{}), "virtio-fs,sharedDir=/x y=z,mountTag=a b=c", "", ""},
		{"commas where they may be", "", flags(Flags{KernelParams: []string{"lsm=a,b"}}), "lsm=a,b", "", ""},
	}
	for _, tt := range tests {
		got, _, warnings := argv(t, tt.fields, tt.options)
		if !strings.Contains(got, tt.has) || tt.hasNot != "" && strings.Contains(got, tt.hasNot) || strings.Join(warnings, "; ") != tt.warning {
			t.Errorf("%s: got %s\n%q", tt.name, got, warnings)
		}
	}
}

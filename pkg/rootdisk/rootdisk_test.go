package rootdisk

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/nixvf/nixvf/pkg/bootdoc"
	"github.com/nixvf/nixvf/pkg/disk"
	"github.com/nixvf/nixvf/pkg/lock"
	"github.com/nixvf/nixvf/pkg/place"
)

func host(t *testing.T, env map[string]string) place.Host {
	dir := t.TempDir()
	return place.Host{
		Dir:   dir,
		Files: os.DirFS("/"),
		Lookup: func(name string) (string, bool) {
			if name == "HOME" {
				return dir, true
			}
			value, ok := env[name]
			return value, ok
		},
	}
}

func TestOf(t *testing.T) {
	document := func(virtualisation string) *bootdoc.Document {
		doc, _, err := bootdoc.Parse([]byte(`{"kernel": "/k", "initrd": "/i", "init": "/n", "kernel-params": [],
			"name": "web", "id": "web-1", "virtualisation": ` + virtualisation + `}`))
		if err != nil {
			t.Fatal(err)
		}
		return doc
	}
	tests := []struct {
		name, virtualisation, id string
		env                      map[string]string
		path                     string // below the home directory
		spec                     disk.Spec
	}{
		{name: "defaults", virtualisation: `{}`,
			path: ".local/state/nixvf/web-1/web.raw",
			spec: disk.Spec{Size: 1 << 30, Format: disk.Ext4, Label: "nixos"}},
		{name: "another instance", virtualisation: `{"diskSize": 64}`, id: "two",
			path: ".local/state/nixvf/two/web.raw",
			spec: disk.Spec{Size: 64 << 20, Format: disk.Ext4, Label: "nixos"}},
		{name: "no file system", virtualisation: `{"useDefaultFilesystems": false}`,
			path: ".local/state/nixvf/web-1/web.raw",
			spec: disk.Spec{Size: 1 << 30, Format: disk.None}},
		{name: "environment", virtualisation: `{}`, env: map[string]string{"NIX_DISK_IMAGE": "./my.raw"},
			path: "my.raw",
			spec: disk.Spec{Size: 1 << 30, Format: disk.Ext4, Label: "nixos"}},
	}
	for _, tt := range tests {
		h := host(t, tt.env)
		root, _, err := Of(document(tt.virtualisation), h, tt.id)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		if want := filepath.Join(h.Dir, tt.path); root.Path != want || root.Spec != tt.spec {
			t.Errorf("%s: %s %+v, want %s %+v", tt.name, root.Path, root.Spec, want, tt.spec)
		}
	}

	root, _, err := Of(document(`{"diskImage": null}`), host(t, nil), "")
	if err != nil || root.Path != "" {
		t.Errorf("no disk: %q, %v", root.Path, err)
	}
}

func TestEnsure(t *testing.T) {
	home := filepath.Join(t.TempDir(), "state", "web-1")
	root := Root{Path: filepath.Join(home, "web.raw"), Spec: disk.Spec{Size: 32 << 20, Format: disk.Ext4}, home: home}
	for i, want := range []bool{true, false} {
		created, err := root.Ensure(context.Background())
		if err != nil || created != want {
			t.Errorf("call %d: %v, %v, want %v", i, created, err, want)
		}
	}
	if info, err := os.Stat(home); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("state directory: %v, %v", info, err)
	}

	elsewhere := Root{Path: filepath.Join(t.TempDir(), "missing", "x.raw"), Spec: root.Spec, home: home}
	if _, err := elsewhere.Ensure(context.Background()); err == nil {
		t.Error("a directory that is not the VM's own was made")
	}
	directory := Root{Path: t.TempDir(), Spec: root.Spec, home: home}
	if _, err := directory.Ensure(context.Background()); err == nil {
		t.Error("a directory passed as an image")
	}
	if created, err := (Root{}).Ensure(context.Background()); created || err != nil {
		t.Errorf("a VM without a disk: %v, %v", created, err)
	}
}

func TestGrow(t *testing.T) {
	h := host(t, nil)
	path := filepath.Join(h.Dir, "x.raw")
	grow := func(size int64) error { return Grow(t.Context(), h, path, size) }
	if err := grow(1 << 20); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no image: %v", err)
	}
	if err := os.WriteFile(path, make([]byte, 4096), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := grow(1 << 20); err != nil {
		t.Error(err)
	}
	locks, err := h.DiskLocks()
	if err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(locks); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	running, err := lock.Image(locks, path)
	if err != nil {
		t.Fatal(err)
	}
	defer running.Close()
	err = grow(1 << 30)
	if want := "in use by process " + strconv.Itoa(os.Getpid()); err == nil || !strings.HasSuffix(err.Error(), want) {
		t.Errorf("got %v, want %s", err, want)
	}
	if info, err := os.Stat(path); err != nil || info.Size() != 1<<20 {
		t.Errorf("afterwards: %v, %v", info, err)
	}
}

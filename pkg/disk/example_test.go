package disk_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/nixvf/nixvf/pkg/disk"
)

func ExampleCreate() {
	dir, err := os.MkdirTemp("", "disk")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	size, err := disk.ParseSize("1G")
	if err != nil {
		panic(err)
	}
	path := filepath.Join(dir, "root.raw")
	spec := disk.Spec{Size: size, Format: disk.Ext4, Label: "nixos"}
	fmt.Println(disk.Create(context.Background(), path, spec))
	err = disk.Create(context.Background(), path, spec)
	fmt.Println(errors.Is(err, fs.ErrExist))
	// Output:
	// <nil>
	// true
}

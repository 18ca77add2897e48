package vmm

import (
	"bytes"
	"context"
	"os/exec"
	"time"

	"github.com/nixvf/nixvf/pkg/bootdoc"
	"github.com/nixvf/nixvf/pkg/cache"
	"github.com/nixvf/nixvf/pkg/child"
)

// sandboxWait bounds how long a QEMU may take to say whether it has a sandbox.
const sandboxWait = 10 * time.Second

// sandboxes reports whether a QEMU was built with its sandbox: else it refuses
// the option. The answer is remembered, as versions are.
func (v versions) sandboxes(ctx context.Context, path string) bool {
	key, _, lasting := cache.Program(path, bootdoc.StoreDir)
	key += "-sandbox"
	var known bool
	if lasting && v.Load(key, &known) {
		return known
	}
	ctx, cancel := context.WithTimeout(ctx, sandboxWait)
	defer cancel()
	var text bytes.Buffer
	cmd := exec.Command(path, "-sandbox", "on", "--version")
	cmd.Stdout = &text
	err := child.Run(ctx, path, cmd)
	known = err == nil && qemuVersion.Match(text.Bytes())
	if lasting && ctx.Err() == nil {
		v.Store(key, known)
	}
	return known
}

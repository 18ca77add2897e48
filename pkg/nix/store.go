package nix

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Wanted is what shall be in the store: outputs of derivations, by the
// derivation's path, and paths that need no building.
type Wanted struct {
	Outputs map[string][]string
	Paths   []string
}

// Build realises what is wanted and returns its store paths, sorted. Unless
// link is empty, each becomes a garbage collector root: link, link-1 and so on.
func (n *Nix) Build(ctx context.Context, want Wanted, link string) ([]string, error) {
	args := []string{"build", "--json", "--no-link"}
	if link != "" {
		args = []string{"build", "--json", "--out-link", link}
	}
	data, err := n.flakeCommand(ctx, slices.Concat(args, n.Options, n.installables(want))...)
	if err != nil {
		return nil, err
	}
	built, err := parseBuilt(data)
	if err != nil {
		return nil, err
	}
	paths := slices.Clone(want.Paths)
	for drv, outputs := range want.Outputs {
		for _, name := range outputs {
			path := built[drv][name]
			if path == "" {
				return nil, fmt.Errorf("nix build: no output %q of %s in what it printed", name, drv)
			}
			paths = append(paths, path)
		}
	}
	slices.Sort(paths)
	return slices.Compact(paths), nil
}

// installables returns what is wanted as arguments of nix build.
func (n *Nix) installables(want Wanted) []string {
	args := slices.Clone(want.Paths)
	for drv, outputs := range want.Outputs {
		if n.Version.AtLeast(installables) {
			drv += "^" + strings.Join(outputs, ",")
		}
		args = append(args, drv)
	}
	slices.Sort(args)
	return args
}

// parseBuilt reads the output of nix build --json: for each derivation its
// outputs. Paths without a derivation are left out; old and new versions print
// them differently.
func parseBuilt(data []byte) (map[string]map[string]string, error) {
	var list []json.RawMessage
	if err := json.Unmarshal(data, &list); err != nil {
		return nil, fmt.Errorf("nix build: %w", err)
	}
	built := map[string]map[string]string{}
	for _, raw := range list {
		var one struct {
			DrvPath string
			Outputs map[string]string
		}
		if raw[0] != '{' {
			continue
		}
		if err := json.Unmarshal(raw, &one); err != nil {
			return nil, fmt.Errorf("nix build: %w", err)
		}
		if one.DrvPath != "" {
			built[one.DrvPath] = one.Outputs
		}
	}
	return built, nil
}

// Closure returns the store paths that paths need, themselves included, in the
// order of their names.
func (n *Nix) Closure(ctx context.Context, paths []string) ([]string, error) {
	out, err := n.eachBatch(ctx, []string{"--query", "--requisites"}, paths)
	closure := strings.Fields(string(out))
	slices.Sort(closure)
	return slices.Compact(closure), err
}

// Registration returns what `nix-store --load-db` reads to know the paths of a
// closure: one record for each, in their order.
func (n *Nix) Registration(ctx context.Context, closure []string) ([]byte, error) {
	return n.eachBatch(ctx, []string{"--dump-db"}, closure)
}

// eachBatch runs nix-store with as many of the paths as a command line takes,
// again and again, and returns all output.
func (n *Nix) eachBatch(ctx context.Context, args, paths []string) ([]byte, error) {
	var all bytes.Buffer
	for _, batch := range batches(paths, maxArguments) {
		out, err := n.run(ctx, n.store, slices.Concat(args, batch)...)
		if err != nil {
			return nil, err
		}
		all.Write(out)
	}
	return all.Bytes(), nil
}

// maxArguments is the size of a command line in bytes. macOS stops at 1 MiB,
// environment included.
const maxArguments = 128 << 10

// batches splits paths so that no part is longer than limit bytes, a
// terminating NUL for each included.
func batches(paths []string, limit int) [][]string {
	var all [][]string
	size := limit
	for _, path := range paths {
		if size += len(path) + 1; size > limit {
			all, size = append(all, nil), len(path)+1
		}
		last := len(all) - 1
		all[last] = append(all[last], path)
	}
	return all
}

// Add copies a file or directory into the store and returns its store path.
func (n *Nix) Add(ctx context.Context, path string) (string, error) {
	out, err := n.run(ctx, n.store, "--add", path)
	return strings.TrimSpace(string(out)), err
}

// Root makes link, an absolute path, a garbage collector root for store paths,
// which must be there; for more than one, links with numbers follow. It replaces
// links into the store, and nothing else. Without a link it only sees that the
// paths are there.
func (n *Nix) Root(ctx context.Context, link string, paths ...string) error {
	args := []string{"--realise"}
	if link != "" {
		args = []string{"--add-root", link, "--indirect", "--realise"}
	}
	_, err := n.run(ctx, n.store, append(args, paths...)...)
	return err
}

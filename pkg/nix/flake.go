package nix

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"path"
	"slices"
	"strings"
)

// Flake is a flake that nix has found and fetched.
type Flake struct {
	// URL is the reference to evaluate: with the revision or hash that was
	// fetched, or without where the tree is dirty.
	URL string
	// Origin says where the flake comes from, whatever its revision: the
	// directory of a local flake, in git or not, else its reference.
	Origin string
	// Path is where the flake's tree is in the store. Newer versions copy it
	// there only when it is needed, and do not always say where.
	Path string
	// Subdir is the directory of flake.nix in the tree, "" for its top.
	Subdir string
	// Metadata is all that nix says about the flake and its inputs, as JSON:
	// where they are from, when they were changed, and a hash of each that
	// there is one of.
	Metadata []byte
	// Hashed reports whether there is a hash of the flake and of each input, so
	// that Metadata changes when one of them does.
	Hashed bool
}

// Metadata fetches the flake that ref names. It writes no lock file.
func (n *Nix) Metadata(ctx context.Context, ref string) (Flake, error) {
	args := []string{"flake", "metadata", "--json", "--no-write-lock-file", ref}
	out, err := n.flakeCommand(ctx, append(args, n.Options...)...)
	if err != nil {
		return Flake{}, err
	}
	return parseMetadata(out)
}

// LockedBy reports whether lock, the content of the flake's lock file, or nil for
// a flake that has none, gives all inputs in the metadata. If so these change
// with the flake and with nothing else.
func (f Flake) LockedBy(lock []byte) bool {
	var meta struct{ Locks locks }
	if json.Unmarshal(f.Metadata, &meta) != nil {
		return false
	}
	own := locks{
		Nodes: map[string]map[string]json.RawMessage{meta.Locks.Root: {}},
		Root:  meta.Locks.Root, Version: meta.Locks.Version,
	}
	if lock != nil {
		own = locks{}
		if json.Unmarshal(lock, &own) != nil {
			return false
		}
	}
	return own.equal(meta.Locks)
}

func parseMetadata(data []byte) (Flake, error) {
	type node struct {
		Locked struct{ NarHash string }
	}
	var meta struct {
		URL      string
		Path     string
		Resolved map[string]any
		node
		Locks struct {
			Root  string
			Nodes map[string]node
		}
	}
	if err := json.Unmarshal(data, &meta); err != nil {
		return Flake{}, fmt.Errorf("nix flake metadata: %w", err)
	}
	if meta.URL == "" || meta.Resolved == nil {
		return Flake{}, fmt.Errorf("nix flake metadata: no url or no resolved reference in its output")
	}
	hashed := meta.Locked.NarHash != "" && meta.Locks.Root != ""
	for name, input := range meta.Locks.Nodes {
		hashed = hashed && (name == meta.Locks.Root || input.Locked.NarHash != "")
	}
	dir, _ := meta.Resolved["dir"].(string)
	return Flake{
		URL: meta.URL, Origin: origin(meta.Resolved), Path: meta.Path, Subdir: dir, Metadata: data, Hashed: hashed,
	}, nil
}

// origin is the part of a resolved reference that stays the same from one
// revision to the next.
func origin(ref map[string]any) string {
	get := func(key string) string {
		s, _ := ref[key].(string)
		return s
	}
	local := get("path")
	if u, err := url.Parse(get("url")); err == nil && u.Scheme == "file" && get("type") == "git" {
		local = u.Path
	}
	keys, parts := []string{"type", "host", "owner", "repo", "url", "id", "ref", "dir"}, []string{}
	if local != "" {
		keys, parts = []string{"ref"}, []string{path.Join(local, get("dir"))}
	}
	for _, key := range keys {
		if value := get(key); value != "" {
			parts = append(parts, key+"="+value)
		}
	}
	return strings.Join(parts, " ")
}

// Eval evaluates an attribute of the flake in the directory wrapper, which has
// another one as its input called target ([Nix.AsInput]), and returns what
// function makes of it as JSON. The user's options that are about inputs of his
// flake are about inputs of that input.
func (n *Nix) Eval(ctx context.Context, wrapper, attribute, function string) ([]byte, error) {
	flake := url.URL{Scheme: "path", OmitHost: true, Path: wrapper, Fragment: attribute}
	return n.flakeCommand(ctx, slices.Concat(
		[]string{"eval", "--json", flake.String(), "--apply", function},
		n.unlocked(), belowTarget(n.Options))...)
}

// belowTarget rewrites options about a flake's inputs for the wrapper, of which
// the flake is an input itself.
func belowTarget(options []string) []string {
	out := slices.Clone(options)
	for i, option := range options[:max(0, len(options)-1)] {
		if option == "--override-input" || option == "--update-input" {
			out[i+1] = "target/" + out[i+1]
		}
	}
	return out
}

// Quote returns s as a string of the Nix language.
func Quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, `$`, `\$`, "\n", `\n`, "\r", `\r`, "\t", `\t`).Replace(s) + `"`
}

package nix

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"reflect"
)

// lockFiles is the first version that writes a lock file to where it is told
// (release notes of 2.15; Lix has it too).
var lockFiles = Version{2, 15}

// unlocked returns the options for a flake whose lock file nobody keeps. Where
// nix thinks that one is written it has no lines to say about that; and what it
// says about a tree with changes it has said about the target already.
func (n *Nix) unlocked() []string {
	quiet := []string{"--option", "warn-dirty", "false"}
	if n.Version.AtLeast(lockFiles) {
		return append([]string{"--output-lock-file", os.DevNull}, quiet...)
	}
	return append([]string{"--no-write-lock-file"}, quiet...)
}

// Input is a flake as the input called target of another one.
type Input struct {
	URL  string // of the input, for flake.nix
	Lock []byte // what flake.lock beside it has to be, nil for none
}

// AsInput returns how a flake becomes the input of another one so that nix has
// nothing to say about the other one's lock file. Versions that can only be told
// not to write one say so, unless it is there already.
func (n *Nix) AsInput(flake Flake) (Input, error) {
	if n.Version.AtLeast(lockFiles) || !flake.Hashed { // a lock file has a hash of each input
		return Input{URL: flake.URL}, nil
	}
	var meta struct {
		ResolvedURL      string
		Resolved, Locked json.RawMessage
		Locks            locks
	}
	if err := json.Unmarshal(flake.Metadata, &meta); err != nil {
		return Input{}, fmt.Errorf("nix flake metadata: %w", err)
	}
	lock, err := meta.Locks.below("target", meta.Resolved, meta.Locked)
	return Input{URL: meta.ResolvedURL, Lock: lock}, err
}

// locks is the content of a lock file.
type locks struct {
	Nodes   map[string]map[string]json.RawMessage `json:"nodes"`
	Root    string                                `json:"root"`
	Version int                                   `json:"version"`
}

// equal reports whether two lock files say the same.
func (l locks) equal(m locks) bool {
	var values [2]any
	for i, one := range []locks{l, m} {
		text, err := json.Marshal(one)
		if err != nil || json.Unmarshal(text, &values[i]) != nil {
			return false
		}
	}
	return reflect.DeepEqual(values[0], values[1])
}

// below returns the lock file of a flake with a single input, of this name, that
// has the inputs in l.
func (l locks) below(name string, original, locked json.RawMessage) ([]byte, error) {
	const root = "/" // is no name of an input
	if _, ok := l.Nodes[l.Root]; !ok || l.Root == root {
		return nil, fmt.Errorf("nix flake metadata: no node %q in locks", l.Root)
	}
	nodes := map[string]map[string]any{root: {"inputs": map[string]string{name: l.Root}}}
	for key, node := range l.Nodes {
		nodes[key] = map[string]any{}
		for field, value := range node {
			nodes[key][field] = value
		}
		inputs, err := followBelow(name, node["inputs"])
		if err != nil {
			return nil, err
		}
		nodes[key]["inputs"] = inputs
	}
	maps.Copy(nodes[l.Root], map[string]any{"original": original, "locked": locked})
	return json.Marshal(map[string]any{"nodes": nodes, "root": root, "version": l.Version})
}

// followBelow returns a node's inputs. Those that are the path of another input
// start from the root, which name leads from now.
func followBelow(name string, inputs json.RawMessage) (map[string]any, error) {
	all := map[string]any{}
	if inputs == nil {
		return all, nil
	}
	if err := json.Unmarshal(inputs, &all); err != nil {
		return nil, fmt.Errorf("nix flake metadata: inputs: %w", err)
	}
	for key, value := range all {
		if path, ok := value.([]any); ok {
			all[key] = append([]any{name}, path...)
		}
	}
	return all, nil
}

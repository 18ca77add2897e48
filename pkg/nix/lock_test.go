package nix

import (
	"encoding/json"
	"reflect"
	"testing"
)

// metadata of a flake with an input, and one that follows an input of that.
const metadata = `{"url": "git+file:///f?rev=0123", "resolvedUrl": "git+file:///f", "resolved": {"type": "git", "url": "file:///f"},
	"locked": {"type": "git", "url": "file:///f", "rev": "0123", "narHash": "sha256-x"},
	"locks": {"version": 7, "root": "root", "nodes": {
		"root": {"inputs": {"a": "a_2", "b": ["a", "b"]}},
		"a_2": {"inputs": {"b": "b"}, "locked": {"narHash": "sha256-a"}, "original": {"id": "a"}, "flake": false},
		"b": {"locked": {"narHash": "sha256-b"}, "original": {"id": "b"}}}}}`

func TestAsInput(t *testing.T) {
	flake, err := parseMetadata([]byte(metadata))
	if err != nil {
		t.Fatal(err)
	}
	old := &Nix{Version: Version{2, 14}}
	input, err := old.AsInput(flake)
	if err != nil || input.URL != "git+file:///f" {
		t.Errorf("%q, %v", input.URL, err)
	}
	var got, want any
	const lock = `{"version": 7, "root": "/", "nodes": {
		"/": {"inputs": {"target": "root"}},
		"root": {"inputs": {"a": "a_2", "b": ["target", "a", "b"]}, "original": {"type": "git", "url": "file:///f"},
			"locked": {"type": "git", "url": "file:///f", "rev": "0123", "narHash": "sha256-x"}},
		"a_2": {"inputs": {"b": "b"}, "locked": {"narHash": "sha256-a"}, "original": {"id": "a"}, "flake": false},
		"b": {"inputs": {}, "locked": {"narHash": "sha256-b"}, "original": {"id": "b"}}}}`
	if json.Unmarshal(input.Lock, &got) != nil || json.Unmarshal([]byte(lock), &want) != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%s", input.Lock)
	}
	// Such a lock file has a hash of everything. Newer versions do without.
	flake.Hashed = false
	for _, n := range []*Nix{old, {Version: Version{2, 15}}} {
		if input, err := n.AsInput(flake); err != nil || input.URL != flake.URL || input.Lock != nil {
			t.Errorf("%v: %+v, %v", n.Version, input, err)
		}
		flake.Hashed = true
	}
}

func TestLockedBy(t *testing.T) {
	flake := func(locks string) Flake { return Flake{Metadata: []byte(`{"locks": ` + locks + `}`)} }
	const none = `{"version": 7, "root": "root", "nodes": {"root": {}}}`
	const one = `{"version": 7, "root": "root", "nodes": {"root": {"inputs": {"a": "a"}}, "a": {"locked": {"narHash": "x"}}}}`
	const other = `{"version": 7, "root": "root", "nodes": {"root": {"inputs": {"a": "a"}}, "a": {"locked": {"narHash": "y"}}}}`
	for _, tt := range []struct {
		locks, lock string // "": no lock file
		want        bool
	}{
		{none, "", true},
		{one, "", false},
		{one, one, true},
		{one, "\n" + one + " ", true},
		{one, other, false},
		{one, none, false},
		{none, one, false},
		{one, "x", false},
		{`1`, "", false},
	} {
		var lock []byte
		if tt.lock != "" {
			lock = []byte(tt.lock)
		}
		if got := flake(tt.locks).LockedBy(lock); got != tt.want {
			t.Errorf("%s by %s: %v", tt.locks, tt.lock, got)
		}
	}
}

// Whatever the metadata is, a lock file that is made of it is one, and says what
// its own says.
func FuzzAsInput(f *testing.F) {
	f.Add([]byte(metadata))
	f.Fuzz(func(t *testing.T, data []byte) {
		flake, err := parseMetadata(data)
		if err != nil || !flake.Hashed {
			return
		}
		input, err := (&Nix{Version: Oldest}).AsInput(flake)
		if err == nil && !json.Valid(input.Lock) {
			t.Errorf("%q: %q", data, input.Lock)
		}
	})
}

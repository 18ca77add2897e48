package vfkit

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/nixvf/nixvf/pkg/bootdoc"
)

// Share is a directory that a flag shares with the guest.
type Share struct {
	Path     string // on the host; may hold shell expansions
	Target   string // where the guest mounts it by itself, "" for nowhere
	ReadOnly bool   // the guest may not write to it
}

// Shares are directories by mount tag.
type Shares map[string]Share

// UnmarshalText adds one share: TAG=PATH, TAG=PATH:TARGET, or PATH:TARGET, whose
// tag comes from the target; with :ro at the end it is read-only. A tag is given
// once, and the store's not at all: the guest does not start without what is
// there.
func (s *Shares) UnmarshalText(text []byte) error {
	tag, share, err := readShare(string(text))
	_, twice := (*s)[tag]
	switch {
	case err != nil:
		return err
	case tag == bootdoc.StoreTag:
		return fmt.Errorf("mount tag %q is the store's", tag)
	case twice:
		return fmt.Errorf("mount tag %q is given twice", tag)
	}
	for _, other := range *s {
		if share.Target != "" && share.Target == other.Target {
			return fmt.Errorf("%s is given to two shares", share.Target)
		}
	}
	if *s == nil {
		*s = Shares{}
	}
	(*s)[tag] = share
	return nil
}

func readShare(text string) (tag string, share Share, err error) {
	rest := text
	if !strings.ContainsAny(text[:min(1, len(text))], "/.~$") { // else it begins with the path
		tag, rest, _ = strings.Cut(text, "=")
	}
	rest, share.ReadOnly = strings.CutSuffix(rest, ":ro")
	share.Path = rest
	if i := strings.LastIndex(rest, ":/"); i >= 0 {
		share.Path, share.Target = rest[:i], rest[i+1:]
	}
	if share.Path == "" || tag == "" && share.Target == "" {
		return "", Share{}, fmt.Errorf("%q is neither TAG=PATH nor PATH:TARGET", text)
	}
	if share.Target != "" {
		err = checkTarget(tag, share.Target)
	}
	if tag == "" {
		tag = tagOf(share.Target)
	}
	return tag, share, err
}

// checkTarget returns an error for a place that the kernel's command line cannot
// carry, or where nothing can be mounted without harm to the guest.
func checkTarget(tag, target string) error {
	odd := func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r) || strings.ContainsRune("\":\\", r)
	}
	switch {
	case target != path.Clean(target):
		return fmt.Errorf("%q is not an absolute path in its shortest form", target)
	case !utf8.ValidString(target) || strings.ContainsFunc(target, odd):
		return fmt.Errorf("%q contains a space, a quote, a colon or a backslash, which the kernel's command line cannot contain", target)
	case target == "/" || strings.HasPrefix(bootdoc.StoreDir+"/", target+"/") || strings.HasPrefix(target, bootdoc.StoreDir+"/"):
		return fmt.Errorf("%s belongs to the guest: a share cannot be mounted there", target)
	case strings.ContainsFunc(tag, odd):
		return fmt.Errorf("mount tag %q contains a space, a quote, a colon or a backslash, which the kernel's command line cannot contain", tag)
	}
	return nil
}

// tagOf makes a mount tag of a place in the guest: its path, or a hash of one
// that is no tag.
func tagOf(target string) string {
	tag := strings.ReplaceAll(strings.TrimPrefix(target, "/"), "/", "-")
	if bootdoc.CheckTag(tag) != nil {
		return fmt.Sprintf("share-%x", sha256.Sum256([]byte(target)))[:16]
	}
	return tag
}

// mounts returns the kernel's parameters that tell the guest where the flags'
// shares belong (nixos/mounts.sh).
func (b *builder) mounts() (params []string) {
	for _, tag := range slices.Sorted(maps.Keys(b.Shares)) {
		s := b.Shares[tag]
		if s.Target == "" {
			continue
		}
		param := "nixvf.mount=" + tag + ":" + s.Target
		if s.ReadOnly {
			param += ":ro"
		}
		params = append(params, param)
	}
	return params
}

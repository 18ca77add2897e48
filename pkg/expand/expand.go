// Package expand expands the shell fragments that NixOS allows in paths of a
// VM: "$TMPDIR"/xchg, "${SHARED_DIR:-$TMPDIR/xchg}", ~/images/a.raw. No shell
// runs: command and process substitution are errors, and so is a variable that
// is not set and has no default.
//
// It imports nothing of nixvf.
package expand

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/syntax"
)

// shellChars are the characters that make a path a shell fragment. Without
// them it is taken as it is, spaces included.
const shellChars = "$`\\\"'~*?"

// Path expands s as a POSIX shell expands the value of an assignment (variables,
// quotes and tilde, no globs, no splitting), and makes it absolute against
// dir, which must be absolute itself. lookup returns a variable of the
// environment.
func Path(s, dir string, lookup func(string) (string, bool)) (string, error) {
	path := s
	if strings.ContainsAny(s, shellChars) {
		word, err := parse(s)
		if err != nil {
			return "", err
		}
		if path, err = literal(word, lookup); err != nil {
			return "", fmt.Errorf("%q: %w", s, err)
		}
	}
	switch {
	case path == "":
		return "", fmt.Errorf("%q is an empty path", s)
	case strings.ContainsFunc(path, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return "", fmt.Errorf("%q holds a control character", path)
	case !filepath.IsAbs(path):
		path = filepath.Join(dir, path)
	}
	return filepath.Clean(path), nil
}

// parse reads s as exactly one shell word.
func parse(s string) (*syntax.Word, error) {
	parser := syntax.NewParser(syntax.Variant(syntax.LangPOSIX))
	var words []*syntax.Word
	for w, err := range parser.WordsSeq(strings.NewReader(s)) {
		if err != nil {
			return nil, fmt.Errorf("%q: %s", s, reason(err))
		}
		words = append(words, w)
	}
	if len(words) != 1 {
		return nil, fmt.Errorf("%q is %d shell words, not one: quote the spaces", s, len(words))
	}
	return words[0], nil
}

func literal(word *syntax.Word, lookup func(string) (string, bool)) (string, error) {
	out, err := expand.Literal(&expand.Config{Env: environ(lookup), NoUnset: true}, word)
	var command expand.UnexpectedCommandError
	switch {
	case errors.As(err, &command):
		return "", errors.New("command substitution is not allowed here")
	case err != nil:
		return "", errors.New(reason(err))
	}
	return out, nil
}

// reason is the message of a shell library's error without its position.
func reason(err error) string {
	var parse syntax.ParseError
	if errors.As(err, &parse) {
		return parse.Text
	}
	return err.Error()
}

// environ is an expand.Environ over a lookup function. It cannot be written
// to, so that ${x:=y} is an error.
type environ func(string) (string, bool)

func (e environ) Get(name string) expand.Variable {
	value, ok := e(name)
	return expand.Variable{Set: ok, Exported: ok, Kind: expand.String, Str: value}
}

func (e environ) Each(func(string, expand.Variable) bool) {}

// Env is the lookup of the process's own environment.
func Env(name string) (string, bool) { return os.LookupEnv(name) }

// Package expand expands the shell syntax that NixOS allows in paths of a VM:
// "$TMPDIR"/xchg, "${SHARED_DIR:-$TMPDIR/xchg}", ~/images/a.raw. No shell runs.
// Command and process substitution are errors, and so is an unset variable
// without a default.
//
// It imports nothing of nixvf.
package expand

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"unicode"
	"unicode/utf8"

	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/syntax"
)

// shellChars are the characters that make a path a shell fragment. Without
// them it is taken as it is, spaces included.
const shellChars = "$`\\\"'~*?"

// maxLength is the longest path in bytes, PATH_MAX of Linux. It also bounds
// how deep expressions nest, since the shell library recurses.
const maxLength = 4096

// Path expands s as a POSIX shell expands the value of an assignment (variables,
// quotes and tilde, no globs, no splitting), and makes it absolute against
// dir, which must be absolute itself. lookup returns a variable of the
// environment.
func Path(s, dir string, lookup func(string) (string, bool)) (string, error) {
	path := s
	if len(s) <= maxLength && strings.ContainsAny(s, shellChars) {
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
	case len(path) > maxLength:
		return "", fmt.Errorf("%.40q… is longer than %d bytes", path, maxLength)
	case !utf8.ValidString(path):
		return "", fmt.Errorf("%q is not UTF-8 text", path)
	case strings.ContainsFunc(path, unicode.IsControl):
		return "", fmt.Errorf("%q contains a control character", path)
	case !filepath.IsAbs(path):
		path = filepath.Join(dir, path)
	}
	return filepath.Clean(path), nil
}

// Check returns an error about what no environment makes right of a path that [Path] expands.
func Check(s string) error {
	_, err := Path(s, "/", func(string) (string, bool) { return "x", true })
	return err
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
	unescape(word)
	out, err := expand.Literal(&expand.Config{Env: environ(lookup), NoUnset: true}, word)
	var command expand.UnexpectedCommandError
	switch {
	case errors.As(err, &command):
		return "", errors.New("command substitution is not allowed")
	case err != nil:
		return "", errors.New(reason(err))
	}
	return out, nil
}

// unescape puts what backslashes quote into single quotes: [expand.Literal]
// handles them in double quotes only.
func unescape(word *syntax.Word) {
	syntax.Walk(word, func(node syntax.Node) bool {
		if w, ok := node.(*syntax.Word); ok {
			var parts []syntax.WordPart
			for _, part := range w.Parts {
				parts = append(parts, split(part)...)
			}
			w.Parts = parts
		}
		return true
	})
}

func split(part syntax.WordPart) (parts []syntax.WordPart) {
	for {
		lit, ok := part.(*syntax.Lit)
		if !ok {
			return append(parts, part)
		}
		before, after, found := strings.Cut(lit.Value, `\`)
		if !found || after == "" {
			return append(parts, lit)
		}
		parts = append(parts, &syntax.Lit{Value: before}, &syntax.SglQuoted{Value: after[:1]})
		part = &syntax.Lit{Value: after[1:]}
	}
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

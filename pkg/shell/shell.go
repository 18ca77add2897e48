// Package shell writes words for a POSIX shell: in commands that the user is
// shown, and in those that another program hands to a shell. It imports nothing
// of nixvf.
package shell

import (
	"regexp"
	"strings"
)

// plain matches a word that no shell reads as syntax, wherever it stands.
var plain = regexp.MustCompile(`^[A-Za-z0-9_./:@%+,-][A-Za-z0-9_./:@%+,=-]*$`)

// Word returns text as one word, quoted if it needs that. Unlike mvdan.cc/sh's
// quoting it takes any text.
func Word(text string) string {
	switch {
	case plain.MatchString(text):
		return text
	case strings.Contains(text, "'") && !strings.ContainsAny(text, "\"$`\\!"):
		return `"` + text + `"` // which is easier to read
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

// Words returns a command of these words.
func Words(words []string) string {
	quoted := make([]string, len(words))
	for i, word := range words {
		quoted[i] = Word(word)
	}
	return strings.Join(quoted, " ")
}

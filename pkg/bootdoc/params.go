package bootdoc

import (
	"fmt"
	"strings"

	"github.com/nixvf/nixvf/pkg/strictjson"
)

// checkParams reports parameters that would take the place of others: those that
// have a key of their own in the document, alone or as one of several words of
// one entry, and quotes that do not end, which would swallow what follows.
func checkParams(o *strictjson.Object, key string, params []string) {
	for i, p := range params {
		name := fmt.Sprintf("%s[%d]", key, i)
		if strings.Count(p, `"`)%2 == 1 {
			o.Errorf(name, "%q holds a quote that does not end", p)
		}
		for _, word := range kernelWords(p) {
			if strings.HasPrefix(word, "init=") || strings.HasPrefix(word, "regInfo=") {
				o.Errorf(name, "%q belongs into the key of that name", word)
			}
		}
	}
}

// kernelWords splits text as the kernel does: at blanks outside of double
// quotes, of which one before the word itself means nothing (lib/cmdline.c,
// next_arg).
func kernelWords(text string) []string {
	quoted := false
	words := strings.FieldsFunc(text, func(r rune) bool {
		quoted = quoted != (r == '"')
		return !quoted && strings.ContainsRune(" \t\n\v\f\r\u00a0", r)
	})
	for i, w := range words {
		words[i] = strings.TrimPrefix(w, `"`)
	}
	return words
}

package cli

import (
	"fmt"
	"regexp"
	"strings"
)

// family are the tools, as the pages refer to each other; nixvf's page is pkg/flake/nixvf.1.
var family = []string{"nixvf", "nixvf-eval", "nixvf-disk", "nixvf-args", "nixvf-boot"}

// headings begin the parts of a help text that have a section of their own in
// the manual, in the order of the manual.
var headings = []string{"Exit status", "Environment", "Files", "Examples"}

// man returns the manual page, in the macros of man(7).
func man(r reference) string {
	var p page
	text := sections(r.about)
	p.line(".TH %s 1 \"\" %q nixvf", roff(strings.ToUpper(r.name)), roff("nixvf "+buildVersion()))
	p.line(".SH NAME")
	p.line(`%s \- %s`, roff(r.name), roff(purpose(r.about)))
	p.line(".SH SYNOPSIS")
	p.synopsis(r)
	p.section("Description", text[""])
	if r.commands != nil {
		p.line(".SH COMMANDS")
	}
	for _, c := range r.commands {
		p.line(".SS %s", roff(c.usage))
		p.line("%s", roff(c.help))
		p.options(c.flags)
	}
	p.line(".SH OPTIONS")
	p.options(r.flags)
	for _, h := range headings {
		p.section(h, text[h])
	}
	p.seeAlso(r.name)
	return p.String()
}

// page is a manual page as it grows.
type page struct{ strings.Builder }

func (p *page) line(format string, args ...any) { fmt.Fprintf(&p.Builder, format+"\n", args...) }

func (p *page) synopsis(r reference) {
	usages := []string{r.usage}
	if r.commands != nil {
		usages = []string{"[flags]"} // of the command that is meant without
	}
	for _, c := range r.commands {
		usages = append(usages, c.usage)
	}
	for i, u := range usages {
		if i > 0 {
			p.line(".br")
		}
		p.line(`.B %s`, roff(r.name))
		p.line("%s", roff(u))
	}
}

func (p *page) options(flags []option) {
	for _, o := range flags {
		name, value, ok := strings.Cut(o.text, "=")
		p.line(".TP")
		if ok {
			p.line(`\fB%s\fR=\fI%s\fR`, roff(name), roff(value))
		} else {
			p.line(`\fB%s\fR`, roff(name))
		}
		p.line("%s", roff(o.help))
	}
}

func (p *page) section(name string, paragraphs []string) {
	if paragraphs == nil {
		return
	}
	p.line(".SH %s", strings.ToUpper(name))
	for i, text := range paragraphs {
		switch {
		case strings.HasPrefix(text, " ") || strings.HasPrefix(text, "\t"):
			p.indented(strings.Split(text, "\n"), i == 0)
			continue
		case i > 0:
			p.line(".PP")
		}
		for _, l := range strings.Split(text, "\n") {
			p.line("%s", roff(l))
		}
	}
}

var meaning = regexp.MustCompile(`^\s+(\S.*?)\s{2,}(\S.*)$`)

// indented writes lines as they are, or as a list if each has a word and, after
// some space, what it means.
func (p *page) indented(lines []string, first bool) {
	var list [][]string
	for _, l := range lines {
		if m := meaning.FindStringSubmatch(l); m != nil {
			list = append(list, m)
		}
	}
	if len(list) == len(lines) {
		for _, m := range list {
			p.line(".TP\n\\fB%s\\fR\n%s", roff(m[1]), roff(m[2]))
		}
		return
	}
	if !first {
		p.line(".PP")
	}
	p.line(".RS 4\n.EX")
	for _, l := range lines {
		p.line("%s", roff(strings.TrimSpace(l)))
	}
	p.line(".EE\n.RE")
}

func (p *page) seeAlso(name string) {
	var others []string
	for _, tool := range family {
		if tool != name {
			others = append(others, `\fB`+roff(tool)+`\fR(1)`)
		}
	}
	p.line(".SH SEE ALSO\n%s", strings.Join(others, ",\n"))
}

// sections returns the paragraphs of a help text by their heading, those above
// the first one under the empty word.
func sections(about string) map[string][]string {
	out, heading := map[string][]string{}, ""
	for _, text := range strings.Split(strings.Trim(about, "\n"), "\n\n") {
		for _, h := range headings {
			if rest, ok := strings.CutPrefix(text, h+":"); ok {
				heading, text = h, strings.TrimPrefix(strings.TrimPrefix(rest, " "), "\n")
			}
		}
		if text != "" {
			out[heading] = append(out[heading], text)
		}
	}
	return out
}

// purpose is what the first sentence of a help text says, as NAME has it.
func purpose(about string) string {
	first := strings.FieldsFunc(strings.ReplaceAll(about, "\n", " "), func(r rune) bool { return strings.ContainsRune(".:;,", r) })[0]
	return strings.ToLower(first[:1]) + first[1:]
}

// roff returns a text so that roff prints it as it is.
func roff(text string) string {
	var b strings.Builder
	for _, r := range text {
		switch {
		case r == '\\':
			b.WriteString(`\e`)
		case r == '-':
			b.WriteString(`\-`)
		case strings.ContainsRune("'`^~", r):
			b.WriteString(map[rune]string{'\'': `\(aq`, '`': `\(ga`, '^': `\(ha`, '~': `\(ti`}[r])
		case r > 126:
			fmt.Fprintf(&b, `\[u%04X]`, r)
		default:
			b.WriteRune(r)
		}
	}
	if strings.HasPrefix(text, ".") {
		return `\&` + b.String()
	}
	return b.String()
}

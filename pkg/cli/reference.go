package cli

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/alecthomas/kong"
)

// generate is the flag that prints a tool's reference, made from the grammar
// and the help text that --help shows. Packages install what it prints.
type generate string

// AfterApply prints the reference that was asked for.
func (g generate) AfterApply(app *kong.Kong) error {
	write := map[generate]func(reference) string{"man": man, "bash": bash, "zsh": zsh, "fish": fish}[g]
	if write == nil {
		return nil
	}
	r, err := newReference(app.Model)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprint(app.Stdout, write(r)); err != nil {
		return err
	}
	app.Exit(0)
	return nil
}

// reference is what there is to know of a tool. It has no room for what is
// hidden.
type reference struct {
	level
	about    string
	commands []level
}

// level is what can follow the tool's name, or the name of one of its commands.
type level struct {
	name      string // the tool's, or the command's
	usage     string
	help      string
	flags     []option
	args      []value
	byDefault bool // the command that is meant without one
}

// option is a flag.
type option struct {
	names []string // with their dashes
	text  string   // as --help shows it
	help  string
	value *value
	many  bool // it may be repeated
}

// value is what a flag or an argument takes. Nothing is known of most.
type value struct {
	name  string
	words []string // the ones that there are, or some of them
	files bool
	named bool // NAME=PATH, or [NAME=]PATH
	ids   bool // ids of VMs
	many  bool
}

func newReference(app *kong.Application) (reference, error) {
	r := reference{level: newLevel(app.Node), about: app.Help}
	for _, node := range app.Children {
		if node.Hidden {
			continue
		}
		if len(node.Children) > 0 {
			return r, fmt.Errorf("%s: a command with commands of its own has no reference", node.Name)
		}
		l := newLevel(node)
		l.byDefault = node == app.DefaultCmd
		r.commands = append(r.commands, l)
	}
	return r, nil
}

func newLevel(node *kong.Node) level {
	l := level{name: node.Name, usage: strings.TrimSpace(node.Summary()), help: node.Help}
	for _, f := range node.Flags {
		if !f.Hidden {
			l.flags = append(l.flags, newOption(f))
		}
	}
	for _, p := range node.Positional {
		v := newValue(p, strings.ToUpper(p.Name))
		v.many = p.IsCumulative()
		l.args = append(l.args, v)
	}
	return l
}

func newOption(f *kong.Flag) option {
	o := option{text: f.String(), help: f.Help, many: f.IsCumulative()}
	if f.Short != 0 {
		o.names = append(o.names, "-"+string(f.Short))
	}
	o.names = append(o.names, "--"+f.Name)
	switch {
	case f.Tag.Negatable == "_": // kong's word for the usual name
		o.names = append(o.names, "--no-"+f.Name)
		o.text = strings.Replace(o.text, "--", "--[no-]", 1)
	case f.Tag.Negatable != "":
		o.names = append(o.names, "--"+f.Tag.Negatable)
		o.text += "/" + f.Tag.Negatable
	}
	if !f.IsBool() && !f.IsCounter() {
		v := newValue(f.Value, f.PlaceHolder)
		o.value = &v
	}
	return o
}

var word = regexp.MustCompile(`^[a-z0-9-]+$`)

// newValue goes by the name that --help has for the value, as in stdio|pty|FILE
// or NAME=PATH, and by an enum.
func newValue(v *kong.Value, name string) value {
	out := value{name: name}
	if name == "" {
		out.name = strings.ToUpper(v.Name)
	}
	plain := strings.NewReplacer("[", "", "]", "", "#", ":").Replace(out.name)
	for _, kind := range strings.Split(plain, "|") {
		if _, after, ok := strings.Cut(kind, "="); ok {
			out.named, kind = true, after
		}
		switch kind, _, _ = strings.Cut(kind, ":"); {
		case kind == "PATH" || kind == "FILE" || kind == "DIRECTORY" || kind == "FLAKE":
			out.files = true
		case kind == "ID":
			out.ids = true
		case word.MatchString(kind):
			out.words = append(out.words, kind)
		}
	}
	if v.Enum != "" {
		out.words = v.EnumSlice()
	}
	return out
}

// levels are the tool and its commands, with the flags that each takes: a
// command the tool's too, the tool those of the command that is meant without.
func (r reference) levels() []level {
	tool := r.level
	tool.name = ""
	levels := []level{tool}
	for _, c := range r.commands {
		if c.byDefault {
			levels[0].flags = append(levels[0].flags[:len(levels[0].flags):len(levels[0].flags)], c.flags...)
		}
		c.flags = append(c.flags[:len(c.flags):len(c.flags)], r.flags...)
		levels = append(levels, c)
	}
	return levels
}

// names are the names of all flags.
func (l level) names() []string {
	var names []string
	for _, o := range l.flags {
		names = append(names, o.names...)
	}
	return names
}

// function is the tool's name as part of the name of a shell's function.
func (r reference) function() string { return "_" + strings.ReplaceAll(r.name, "-", "_") }

// listIDs is the shell command that prints the ids of VMs, a line each.
const listIDs = "nixvf-boot list --quiet 2>/dev/null"

// short is the beginning of a help text, as much as a list in a shell has room for.
func short(help string) string {
	for _, end := range []string{". ", "; ", ": "} {
		help, _, _ = strings.Cut(help, end)
	}
	return strings.TrimSuffix(help, ".")
}

// quoted is a text between single quotes, for a shell.
func quoted(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

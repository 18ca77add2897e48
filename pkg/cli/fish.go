package cli

import (
	"fmt"
	"strings"
)

// fish returns the completion for fish, from 3.0 on.
func fish(r reference) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Completion of %s for fish, made by %[1]s --generate fish\ncomplete -c %[1]s -f\n", r.name)
	var names []string
	for _, c := range r.commands {
		names = append(names, c.name)
	}
	all := strings.Join(names, " ")
	for _, l := range r.levels() {
		begin := "complete -c " + r.name
		switch {
		case l.name != "":
			begin += " -n " + quoted("__fish_seen_subcommand_from "+l.name)
		case names != nil:
			begin += " -n " + quoted("not __fish_seen_subcommand_from "+all)
		}
		for _, c := range r.commands {
			if l.name == "" {
				fmt.Fprintf(&b, "%s -a %s -d %s\n", begin, c.name, quotedFish(short(c.help)))
			}
		}
		for _, o := range l.flags {
			b.WriteString(o.fish(begin))
		}
		for _, v := range l.args {
			fmt.Fprintf(&b, "%s%s\n", begin, v.fish())
		}
	}
	return b.String()
}

// fish are the lines of a flag, one for all its names that mean the same.
func (o option) fish(begin string) string {
	line, more := begin, ""
	long := false
	for _, name := range o.names {
		switch {
		case !strings.HasPrefix(name, "--"):
			line += " -s " + name[1:]
		case !long:
			line += " -l " + name[2:]
			long = true
		default: // what turns it off
			more += begin + " -l " + name[2:] + " -d " + quotedFish(short(o.help)) + "\n"
		}
	}
	if o.value != nil {
		line += " -r" + o.value.fish()
	}
	return line + " -d " + quotedFish(short(o.help)) + "\n" + more
}

func (v value) fish() string {
	out := " -f"
	if v.files {
		out = " -F" // also behind NAME=
	}
	switch {
	case v.ids:
		out += " -a '(" + listIDs + ")'"
	case v.words != nil:
		out += " -a " + quotedFish(strings.Join(v.words, " "))
	}
	return out
}

// quotedFish is a text between single quotes as fish has them.
func quotedFish(text string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(text) + "'"
}

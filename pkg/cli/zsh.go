package cli

import (
	"fmt"
	"strings"
)

// zsh returns the completion for zsh: a file of its fpath, which can also be
// sourced.
func zsh(r reference) string {
	levels := r.levels()
	var arguments, commands, cases strings.Builder
	arguments.WriteString(levels[0].zsh())
	if r.commands != nil {
		arguments.WriteString(" \\\n    '1: :->command' '*:: :->arguments'")
	}
	for _, l := range levels[1:] {
		fmt.Fprintf(&commands, "    %s\n", quoted(l.name+":"+short(l.help)))
		fmt.Fprintf(&cases, "        %s) _arguments -s -S%s && ret=0 ;;\n", l.name, l.zsh())
	}
	return strings.NewReplacer("TOOL", r.name, "FUNCTION", r.function(), "ARGUMENTS", arguments.String(),
		"    COMMANDS\n", commands.String(), "        CASES\n", cases.String(), "LIST", listIDs).Replace(zshScript)
}

// zsh are the specifications of _arguments.
func (l level) zsh() string {
	var specs []string
	for _, o := range l.flags {
		for _, name := range o.names {
			specs = append(specs, quoted(o.zsh(name)))
		}
	}
	for i, v := range l.args {
		key := fmt.Sprint(i + 1)
		if v.many {
			key = "*"
		}
		specs = append(specs, quoted(key+v.zsh()))
	}
	return " \\\n    " + strings.Join(specs, " \\\n    ")
}

func (o option) zsh(name string) string {
	spec := "(" + strings.Join(o.names, " ") + ")" + name
	if o.many {
		spec = "*" + name
	}
	if o.value != nil && strings.HasPrefix(name, "--") {
		spec += "="
	} else if o.value != nil {
		spec += "+"
	}
	spec += "[" + strings.NewReplacer(`\`, `\\`, "[", `\[`, "]", `\]`).Replace(short(o.help)) + "]"
	if o.value != nil {
		spec += o.value.zsh()
	}
	return spec
}

// zsh is the message and the action of a specification.
func (v value) zsh() string {
	action := ""
	switch {
	case v.ids:
		action = "_nixvf_ids"
	case v.words != nil && v.files:
		action = `_alternative "words\:word\:(` + strings.Join(v.words, " ") + `)" "files\:file\:_files"`
	case v.words != nil:
		action = "(" + strings.Join(v.words, " ") + ")"
	case v.files && v.named:
		action = "_nixvf_named_file"
	case v.files:
		action = "_files"
	}
	return ":" + strings.ReplaceAll(v.name, ":", `\:`) + ":" + action
}

const zshScript = `#compdef TOOL
# Completion of TOOL for zsh, made by TOOL --generate zsh

_nixvf_ids() {
  local -a ids
  ids=(${(f)"$(LIST)"})
  compadd -a ids
}

_nixvf_named_file() { compset -P '*='; _files }

FUNCTION() {
  local curcontext=$curcontext state state_descr ret=1
  local -a line commands
  local -A opt_args
  commands=(
    COMMANDS
  )
  _arguments -C -s -SARGUMENTS && ret=0
  case $state in
    command) _describe command commands && ret=0 ;;
    arguments)
      case $words[1] in
        CASES
      esac
      ;;
  esac
  return ret
}

if [ "$funcstack[1]" = _TOOL ]; then
  FUNCTION "$@"
else
  compdef FUNCTION TOOL
fi
`

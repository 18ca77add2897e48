package cli

import (
	"fmt"
	"strings"
)

// bash returns the completion for bash, from 3.2 on, which is what macOS has.
// There is no need of the package bash-completion.
func bash(r reference) string {
	var known, cases strings.Builder
	for _, l := range r.levels() {
		for _, o := range l.flags {
			if o.value == nil {
				continue
			}
			keys := l.name + ":" + strings.Join(o.names, " | "+l.name+":")
			fmt.Fprintf(&known, "      %s) flag=$word ;;\n", keys)
			fmt.Fprintf(&cases, "    %s) %s ;;\n", keys, o.value.bash())
		}
		fmt.Fprintf(&cases, "    %s:-) words=%s ;;\n", l.name, quoted(strings.Join(l.names(), " ")))
		for i, v := range l.args {
			key := fmt.Sprint(i)
			if v.many {
				key = "[0-9]*"
			}
			fmt.Fprintf(&cases, "    %s:%s) %s ;;\n", l.name, key, v.bash())
		}
	}
	var commands []string
	for _, c := range r.commands {
		commands = append(commands, c.name)
	}
	if commands != nil {
		fmt.Fprintf(&known, "      :%s) command=$word n=0 ;;\n", strings.Join(commands, " | :"))
		fmt.Fprintf(&cases, "    :0) words=%s ;;\n", quoted(strings.Join(commands, " ")))
	}
	return strings.NewReplacer("TOOL", r.name, "FUNCTION", r.function(), "      KNOWN\n", known.String(), "    CASES\n", cases.String()).
		Replace(bashScript)
}

// bash is what sets the words, or says that there are files.
func (v value) bash() string {
	var parts []string
	switch {
	case v.ids:
		parts = append(parts, `words=$(`+listIDs+`)`)
	case v.words != nil:
		parts = append(parts, "words="+quoted(strings.Join(v.words, " ")))
	}
	if v.files {
		parts = append(parts, "files=1")
	}
	return strings.Join(parts, " ")
}

// With no reply, readline completes names of files itself, also behind the "="
// of a flag.
const bashScript = `# Completion of TOOL for bash, made by TOOL --generate bash
FUNCTION() {
  local line=() word glue command flag n=0 cur words files newline=$'\n'
  COMPREPLY=()
  for word in "${COMP_WORDS[@]:1:COMP_CWORD}"; do # which are split at = and :
    if [[ ${#line[@]} -gt 0 && ($glue || $word == [=:]*) ]]; then
      line[${#line[@]} - 1]+=$word
    else
      line+=("$word")
    fi
    glue=
    [[ $word != [=:] ]] || glue=1
  done
  local last=$((${#line[@]} - 1))
  cur=${line[last]}
  for word in "${line[@]:0:last}"; do
    if [[ $flag ]]; then # this is its value
      flag=
      continue
    fi
    case $command:$word in
      *:--) return ;; # the rest is for another program
      KNOWN
      *:-*) ;;
      *) n=$((n + 1)) ;;
    esac
  done
  if [[ ! $flag && $cur == --*=* ]]; then
    flag=${cur%%=*} cur=${cur#*=}
  elif [[ ! $flag && $cur == -* ]]; then
    flag=-
  fi
  case $command:${flag:-$n} in
    CASES
  esac
  while read -r word; do
    [[ ! $word || $word != "$cur"* ]] || COMPREPLY+=("$word")
  done <<<"${words// /$newline}"
  if [[ ! $files ]]; then
    compopt +o default 2>/dev/null
  elif [[ $words ]]; then
    while read -r word; do
      COMPREPLY+=("$word")
    done < <(compgen -f -- "$cur")
  fi
  return 0
}
complete -o default -F FUNCTION TOOL
`

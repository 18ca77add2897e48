# Completion of nixvf for bash. The functions of nixvf-boot and nixvf-args stand above it, see packages.nix.
# shellcheck shell=bash
_nixvf() {
  local commands='switch list attach ssh ssh-config stop wait log remove hand-over check' word
  if ((COMP_CWORD == 2)) && [[ ${COMP_WORDS[1]} == switch && ${COMP_WORDS[2]} != -* ]]; then
    COMPREPLY=() # a flake: with no reply, readline completes names of files
    return
  fi
  if ((COMP_CWORD > 1)); then
    case " $commands " in
      *" ${COMP_WORDS[1]} "*) _nixvf_boot ;;
      *) _nixvf_args ;; # the flake is an argument to it, of which it knows nothing
    esac
    return
  fi
  COMPREPLY=()
  while read -r word; do
    COMPREPLY+=("$word")
  done < <(compgen -W "$commands" -f -- "${COMP_WORDS[1]}")
}
complete -o default -F _nixvf nixvf

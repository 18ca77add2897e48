# Completion of nixvf for zsh. The functions of nixvf-boot and nixvf-args stand above it, see packages.nix.
_nixvf_pipeline() {
  local -a known
  known=(switch list attach ssh ssh-config stop wait log remove hand-over check)
  if ((CURRENT == 2)); then
    _alternative "commands:command:($known)" 'files:flake:_files'
  elif [[ $CURRENT == 3 && $words[2] == switch && $words[3] != -* ]]; then
    _files
  elif ((${known[(Ie)$words[2]]})); then
    _nixvf_boot
  else
    words=(nixvf-args "${(@)words[3,-1]}")
    ((CURRENT--))
    _nixvf_args
  fi
}

if [ "$funcstack[1]" = _nixvf ]; then
  _nixvf_pipeline "$@"
else
  compdef _nixvf_pipeline nixvf
fi

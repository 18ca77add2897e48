# Completion of nixvf for fish. Those of nixvf-boot and nixvf-args stand above it, see packages.nix.
function __nixvf_words
    set -l commands switch list attach ssh ssh-config stop wait log remove hand-over check
    set -l words (commandline -opc)
    set -e words[1]
    set -l current (commandline -ct)
    if test (count $words) = 0
        printf '%s\n' $commands
        __fish_complete_path "$current"
        return
    end
    if test "$words" = switch; and not string match -q -- '-*' "$current"
        __fish_complete_path "$current"
        return
    end
    set -l tool nixvf-boot
    if not contains -- $words[1] $commands
        set tool nixvf-args
        set -e words[1] # the flake
    end
    complete -C (string join ' ' -- $tool (string escape -- $words) "$current")
end
complete -c nixvf -f -a '(__nixvf_words)'

# Completion of sandboxctl(1) and create-user(1) for bash, from what `sandboxctl help` lists.

_sandboxctl_commands() {
    sandboxctl help 2>/dev/null | sed -n 's/^  \([a-z]\)/\1/p'
}

# The words of the commands come before their operand in capitals and their options in brackets.
_sandboxctl() {
    local word=${COMP_WORDS[COMP_CWORD]} typed line words next=()
    typed="${COMP_WORDS[*]:1:COMP_CWORD-1}"
    while read -r line; do
        words=$(sed -e 's/ \[.*//' -e 's/ [A-Z]*$//' <<<"$line")
        if [[ -z $typed ]]; then
            next+=("${words%% *}")
        elif [[ $words == "$typed "* ]]; then
            words=${words#"$typed "}
            next+=("${words%% *}")
        elif [[ "$typed " == "$words "* ]]; then
            mapfile -t -O "${#next[@]}" next < <(grep -o -e '--[a-z-]*' <<<"$line")
        fi
    done < <(_sandboxctl_commands)
    mapfile -t COMPREPLY < <(compgen -W "${next[*]}" -- "$word")
}

# It is `sandboxctl user create`, which gives the name an option too.
_create_user() {
    local options
    options=$(_sandboxctl_commands | grep '^user create ' | grep -o -e '--[a-z-]*')
    mapfile -t COMPREPLY < <(compgen -W "--username $options" -- "${COMP_WORDS[COMP_CWORD]}")
}

complete -F _sandboxctl sandboxctl
complete -F _create_user create-user

# Completion of sandboxctl(1) and create-user(1) for bash, from what `sandboxctl help` lists.

_sandboxctl_commands() {
    sandboxctl help 2>/dev/null | sed -n 's/^  \([a-z]\)/\1/p'
}

# Into `typed`: the words before the one that is typed now, without the options that may stand before a command.
_sandboxctl_typed() {
    local i
    typed=""
    for ((i = 1; i < COMP_CWORD; i++)); do
        if [[ -z $typed && ${COMP_WORDS[i]} == --@(config|secrets) ]]; then
            # The shell takes --config=FILE for three words.
            [[ ${COMP_WORDS[i + 1]} == = ]] && i=$((i + 2)) || i=$((i + 1))
        else
            typed+="${typed:+ }${COMP_WORDS[i]}"
        fi
    done
}

# Into `value`: what the option before the word is to be given, as the usage line $1 names it; empty when that is no option or takes nothing.
_sandboxctl_value() {
    local before=${COMP_WORDS[COMP_CWORD - 1]}
    [[ $before != = ]] || before=${COMP_WORDS[COMP_CWORD - 2]}
    value=""
    [[ $before != --* ]] || value=$(sed -n "s/.*\[$before \([^]]*\)\].*/\1/p" <<<"$1 [--config FILE] [--secrets FILE]")
}

# Offers what fits to the word of the list $1, and files when $2 says so.
_sandboxctl_offer() {
    local word=${COMP_WORDS[COMP_CWORD]}
    [[ $word != = ]] || word=""
    mapfile -t COMPREPLY < <(compgen -W "$1" -- "$word")
    [[ $2 == *FILE* || $2 == *DIRECTORY* ]] || return 0
    # No blank behind a directory. Outside of a completion there is nothing to tell.
    compopt -o filenames 2>/dev/null || true
    mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -f -- "$word")
}

# The words of a command come before its operand in capitals and its options in brackets.
_sandboxctl() {
    local typed line words value next=()
    _sandboxctl_typed
    _sandboxctl_value ""
    [[ -z $value || -n $typed ]] || { _sandboxctl_offer "" "$value" && return; }
    while read -r line; do
        words=$(sed -e 's/ \[.*//' -e 's/ [A-Z]*$//' <<<"$line")
        if [[ -z $typed ]]; then
            next+=("${words%% *}")
        elif [[ $words == "$typed "* ]]; then
            words=${words#"$typed "}
            next+=("${words%% *}")
        elif [[ "$typed " == "$words "* ]]; then
            _sandboxctl_value "$line"
            if [[ $value == *[A-Z]* ]]; then
                _sandboxctl_offer "" "$value"
            elif [[ -n $value ]]; then
                _sandboxctl_offer "${value//|/ }"
            else
                _sandboxctl_offer "$(grep -o -e '\[--[a-z-]*' <<<"$line" | tr -d '[')" "$(sed 's/ *\[-.*//' <<<"$line")"
            fi
            return
        fi
    done < <(_sandboxctl_commands)
    # Also where a command is expected, but only to who asks for options.
    [[ -n $typed || ${COMP_WORDS[COMP_CWORD]} != -* ]] || next=(--config --secrets)
    _sandboxctl_offer "${next[*]}"
}

# It is `sandboxctl user create`, which gives the name an option too.
_create_user() {
    local line value
    line=$(_sandboxctl_commands | grep '^user create ')
    _sandboxctl_value "$line [--username NAME]"
    if [[ -n $value ]]; then
        [[ $value == *[A-Z]* ]] || _sandboxctl_offer "${value//|/ }"
    else
        _sandboxctl_offer "--username $(grep -o -e '\[--[a-z-]*' <<<"$line" | tr -d '[')"
    fi
}

complete -F _sandboxctl sandboxctl
complete -F _create_user create-user

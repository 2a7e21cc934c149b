# Completion of sandbox-run(1) for bash, from what `sandbox-run --help` lists.

_sandbox_run() {
    local i
    COMPREPLY=()
    for ((i = 1; i < COMP_CWORD; i++)); do
        [[ ${COMP_WORDS[i]} == -- ]] || continue
        # The command's own completion, where bash-completion is there to find it.
        ! declare -F _command_offset >/dev/null || _command_offset $((i + 1))
        return
    done
    mapfile -t COMPREPLY < <(compgen -W "$(sandbox-run --help 2>/dev/null | grep -o -e '^  --[a-z]*') --" -- "${COMP_WORDS[COMP_CWORD]}")
}

complete -o default -F _sandbox_run sandbox-run

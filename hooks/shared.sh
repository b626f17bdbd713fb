# shellcheck shell=sh disable=SC2154
# What every hook shares. `agentsync init` puts it into each of them, so that an installed hook needs no other file.
# Above it stand agentsync_status (of git-lfs's hook, if one stands above, else 0), agentsync_name, agentsync_python,
# agentsync_entry, agentsync_common and agentsync_saved. The names are long because a variable that git's caller exported
# under the same name would reach the saved hook changed.

trap 'exit "$agentsync_status"' EXIT # also where the shell itself gives up, as when it cannot fork

trace() {
    [ "${AGENTSYNC_TRACE:-0}" = 0 ] || echo "agentsync: $agentsync_name: $*" >&2
}

# The hook that stood here before gets git's arguments, input and environment; its exit status becomes ours.
run_saved() {
    if [ -f "$agentsync_saved" ] && [ -x "$agentsync_saved" ]; then
        "$agentsync_saved" "$@"
        agentsync_status=$?
    fi
    return "$agentsync_status"
}

awake() {
    if [ "${AGENTSYNC:-1}" = 0 ]; then
        trace "switched off by AGENTSYNC=0"
    elif ! [ -x "$agentsync_python" ] || ! [ -r "$agentsync_entry" ]; then
        trace "the interpreter or agentsync is gone; 'agentsync init' repairs this hook"
    else
        return 0
    fi
    return 1
}

# Not `config -nt list`: where a file system keeps whole seconds, both may be of the same one.
list_is_current() {
    if [ -f "$agentsync_common/agentsync/pathspecs" ]; then
        [ -e .agentsync/config.toml ] || return 0
        [ "$agentsync_common/agentsync/pathspecs" -nt .agentsync/config.toml ] && return 0
    fi
    trace "the list of watched paths is missing, or not newer than the configuration"
    return 1
}

# ask COMMAND...: become the git that says something of the watched paths; for a `$(...)`, which then is one process.
# `read`, because a path may contain anything that sh would expand.
ask() {
    set -- "$@" --
    while IFS= read -r agentsync_line || [ -n "$agentsync_line" ]; do
        set -- "$@" "$agentsync_line"
    done <"$agentsync_common/agentsync/pathspecs"
    GIT_NO_LAZY_FETCH=1
    export GIT_NO_LAZY_FETCH
    # shellcheck disable=SC3045
    ulimit -t 1 2>/dev/null # a second of the processor's time; the look has the rest of the hook's five
    exec git --no-replace-objects --no-literal-pathspecs "$@" 2>/dev/null
}

# touched COMMAND...: does git name a watched path? Whatever goes wrong means yes. What it said is in agentsync_said.
touched() {
    agentsync_said=
    list_is_current || return 0
    if ! agentsync_said=$(ask "$@"); then
        agentsync_said=
        trace "git could not tell what was touched"
    elif [ -z "$agentsync_said" ]; then
        trace "no watched path was touched"
        return 1
    else
        trace "a watched path was touched"
    fi
}

# The same question as git.rebasing in Python: `git am` uses the second folder, too, and may have left it behind.
agentsync_git_dir=${GIT_DIR:-.git}
rebasing() {
    [ -d "$agentsync_git_dir/rebase-merge" ] ||
        { [ -d "$agentsync_git_dir/rebase-apply" ] && ! [ -e "$agentsync_git_dir/rebase-apply/applying" ]; }
}

# Where the kernel has ended a look, it could not write that down itself. After one that was ended, hooks leave theirs to
# the background until one has come to its end in time; but the pairs of a rewriting are known only now.
look() {
    if [ -e "$agentsync_common/agentsync/look-ended" ] && [ "$agentsync_name" != post-rewrite ]; then
        look_in_background
        return
    fi
    trace "looking"
    "$agentsync_python" -I -S "$agentsync_entry" hook "$agentsync_name" "$@" || {
        agentsync_ended=$?
        trace "looking ended with status $agentsync_ended"
        look_ended "$agentsync_ended" 2>/dev/null
    }
}

look_ended() {
    [ "$1" -gt 128 ] || return 0
    printf '%s %s: the look was killed (status %s); the next command records what it would have seen\n' \
        "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$agentsync_name" "$1" >>"$agentsync_common/agentsync/hook-errors.log" &&
        : >"$agentsync_common/agentsync/look-ended"
}

# With no descriptor of git's: whoever captures git's output would wait for it.
look_in_background() {
    trace "looking in the background"
    "$agentsync_python" -I -S "$agentsync_entry" look "$agentsync_common/agentsync" </dev/null >/dev/null 2>&1 &
}

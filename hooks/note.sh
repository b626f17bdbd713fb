# shellcheck shell=sh disable=SC2154
# The note of a commit: what only this process knows. It needs no Python, and is on the disk when git returns.

# Each of these takes a variable's name and value, and tells no more of the value than somebody needs.
tell() {
    agentsync_variables="$agentsync_variables${agentsync_variables:+,}\"$1\":\"$2\""
}

tell_set() {
    case $2 in
        '' | 0 | [Ff][Aa][Ll][Ss][Ee]) ;;
        *) tell "$1" "${3:-1}" ;;
    esac
}

tell_session() {
    case $2 in
        *[!A-Za-z0-9._-]*) tell_set "$1" "$2" ;;
        *) if [ ${#2} -le 128 ]; then tell_set "$1" "$2" "$2"; else tell_set "$1" "$2"; fi ;;
    esac
}

tell_agent() {
    case $2 in
        '' | *[!A-Za-z0-9._@/\ -]*) ;;
        *) [ ${#2} -gt 64 ] || tell "$1" "$2" ;;
    esac
}

# tell_fixed NAME VALUE WANTED: only this one value means something.
tell_fixed() {
    [ "$2" != "$3" ] || tell "$1" "$2"
}

tell_variables() {
    agentsync_variables=
@variables@
}

# A commit that a rebase or cherry-pick makes anew is nobody's work here and now.
picking() {
    [ -e "$agentsync_git_dir/CHERRY_PICK_HEAD" ] || rebasing
}

leave_note() {
    agentsync_commit=${agentsync_said%%[!0-9a-f]*}
    [ -n "$agentsync_commit" ] || agentsync_commit=$(git rev-parse --verify --quiet HEAD) || return 1
    agentsync_worktree=main agentsync_tty=false agentsync_devin=false agentsync_picked=false
    [ ! -f "$agentsync_git_dir/commondir" ] || agentsync_worktree=${agentsync_git_dir##*/}
    case $agentsync_worktree in *[\"\\[:cntrl:]]*) agentsync_worktree= ;; esac
    [ ! -t 2 ] || agentsync_tty=true
    [ ! -d /opt/.devin ] || agentsync_devin=true
    tell_variables
    if picking; then
        agentsync_variables=''
        agentsync_picked=true
    fi
    put_note "$agentsync_common/agentsync" || { [ ! -h .agentsync ] && put_note .agentsync; }
}

# In a shared repository git has set the setgid bit of each folder: whoever looks next may be another user.
share() {
    [ ! -g "$agentsync_notes" ] || chmod g+rwX "$1" 2>/dev/null || :
}

# put_note FOLDER: a file of its own, because sh has no lock. Its name has no clock: two commits are never the same.
put_note() {
    agentsync_notes=$1/notes
    [ ! -h "$agentsync_notes" ] || return 1
    [ -d "$agentsync_notes" ] || { mkdir -p "$agentsync_notes" 2>/dev/null && share "$agentsync_notes"; } || return 1
    agentsync_note=$agentsync_notes/$agentsync_commit.$$.json
    if {
        printf '{"v":1,"kind":"commit","hook":"%s","commit":"%s","worktree":"%s","variables":{%s},"tty":%s,"devin":%s,"picked":%s}\n' \
            "$agentsync_name" "$agentsync_commit" "$agentsync_worktree" "$agentsync_variables" "$agentsync_tty" \
            "$agentsync_devin" "$agentsync_picked" >"$agentsync_note"
    } 2>/dev/null; then
        share "$agentsync_note"
        sync "$agentsync_note" "$agentsync_notes" 2>/dev/null
        return 0
    fi
    rm -f "$agentsync_note" 2>/dev/null
    return 1
}

# May a rule fire, or is a report not written yet? `due` is what the last look left: it holds how many changes are
# pending, the threshold and the newest report's id, and its time is the moment from which the time's rule fires. Where
# it is missing, nobody has looked yet, and nothing is known.
report_may_be_due() {
    [ "${AGENTSYNC_FOREGROUND:-0}" = 0 ] || return 0
    agentsync_due=$agentsync_common/agentsync/due
    [ -f "$agentsync_due" ] || return 0
    [ ! "$agentsync_note" -nt "$agentsync_due" ] || return 0
    set -- "$agentsync_notes"/*.json # before `due` is read: a look writes it before it takes notes away
    agentsync_others=$(($# - 1))
    set -f
    IFS='
'
    # shellcheck disable=SC2086
    set -- $agentsync_said # the commit's id, then a line for each path; a merge has more of them
    set +f
    unset IFS
    agentsync_changes=$((agentsync_others + ($# > 1 ? $# - 1 : 1))) agentsync_shown=
    {
        read -r agentsync_pending agentsync_threshold agentsync_newest <"$agentsync_due"
        read -r agentsync_shown <"$agentsync_git_dir/agentsync-report"
    } 2>/dev/null
    case $agentsync_pending$agentsync_threshold in '' | *[!0-9]*) return 0 ;; esac
    [ $((agentsync_pending + agentsync_changes)) -lt "$agentsync_threshold" ] || return 0
    [ "$agentsync_newest" != - ] && [ "$agentsync_newest" != "$agentsync_shown" ]
}

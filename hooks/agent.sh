#!/bin/sh
# agentsync-agent-hook: what an agent starts after a tool call. The payload that it hands over becomes a note, if a
# watched document may be meant, and a look begins in the background. Nothing is said, and the exit status is 0.
# This text names no place: where Python is stands beside it, in agent-python, and may change at any time.
trap 'exit 0' EXIT
exec >/dev/null 2>&1
agentsync_beside=${0%/*}
agentsync_most=4000000
LC_ALL=C # lengths are in bytes
agentsync_payload=$(head -c $agentsync_most)
# All is read: who writes must not find a closed pipe.
[ ${#agentsync_payload} -lt $agentsync_most ] || cat
[ "${AGENTSYNC:-1}" != 0 ] || exit 0

# The worktree around the current folder.
agentsync_root=$PWD
while [ ! -e "$agentsync_root/.git" ] && [ -n "$agentsync_root" ]; do
    agentsync_root=${agentsync_root%/*}
done

# The clone's store: the folder of this script, or, for a script that is the user's, where the worktree's .git leads.
find_store() {
    agentsync_store=$agentsync_beside
    [ ! -e "$agentsync_store/ledger.jsonl" ] || return 0
    agentsync_git=$agentsync_root/.git
    if [ -f "$agentsync_git" ]; then
        read -r agentsync_line <"$agentsync_git" || return 1
        agentsync_git=${agentsync_line#gitdir: }
        case $agentsync_git in /*) ;; *) agentsync_git=$agentsync_root/$agentsync_git ;; esac
        if read -r agentsync_line <"$agentsync_git/commondir"; then
            case $agentsync_line in
                /*) agentsync_git=$agentsync_line ;;
                *) agentsync_git=$agentsync_git/$agentsync_line ;;
            esac
        fi
    fi
    agentsync_store=$agentsync_git/agentsync
    # A clone with a script of its own has been told already, or will be.
    [ -e "$agentsync_store/ledger.jsonl" ] && [ ! -e "$agentsync_store/agent-$agentsync_agent" ]
}

# May a watched document be meant? By its name in the payload; after a shell command also by its time.
meant() {
    [ -f "$agentsync_store/pathspecs" ] && [ -f "$agentsync_store/agent-mark" ] || return 0
    while IFS= read -r agentsync_line; do
        agentsync_path=${agentsync_line#*)}
        agentsync_name=${agentsync_path##*/}
        case $agentsync_line in *[\*\?\[]*) agentsync_name=${agentsync_name##*[\*\?\]]} ;; esac
        # JSON may write anything but plain characters in another way.
        case $agentsync_name in *[!A-Za-z0-9._\ -]*) return 0 ;; esac
        case $agentsync_payload in *"$agentsync_name"*) return 0 ;; esac
        [ "$agentsync_root/$agentsync_path" -nt "$agentsync_store/agent-mark" ] && return 0
    done <"$agentsync_store/pathspecs"
    return 1
}

# A file of its own, because sh has no lock; who reads it knows by its end that it is whole.
put_note() {
    [ ! -h "$1/notes" ] && { [ -d "$1/notes" ] || mkdir -p "$1/notes"; } || return 1
    agentsync_number=0 # processes' numbers come again, and their notes may still wait
    while [ -e "$1/notes/tool.$$.$agentsync_number.json" ]; do agentsync_number=$((agentsync_number + 1)); done
    agentsync_note=$1/notes/tool.$$.$agentsync_number.json
    set -C
    printf '{"v":1,"kind":"tool","agent":"%s","payload":%s}\n' "$agentsync_agent" "$agentsync_payload" \
        >"$agentsync_note" || return 1
    set +C
    [ ! -g "$1/notes" ] || chmod g+rw "$agentsync_note"
    sync "$agentsync_note" "$1/notes"
    return 0
}

agentsync_agent=$1
case $agentsync_agent in '' | *[!a-z]*) exit 0 ;; esac
case $agentsync_payload in *'"tool_name"'* | *'"toolName"'*) ;; *) exit 0 ;; esac
find_store || exit 0
meant || exit 0
if [ ${#agentsync_payload} -lt $agentsync_most ]; then
    put_note "$agentsync_store" || { [ ! -h "$agentsync_root/.agentsync" ] && put_note "$agentsync_root/.agentsync"; }
fi
: >|"$agentsync_store/agent-mark"
{ read -r agentsync_python && read -r agentsync_entry; } <"$agentsync_beside/agent-python"
[ -x "$agentsync_python" ] && [ -r "$agentsync_entry" ] && cd "${agentsync_store%/*}" || exit 0
"$agentsync_python" -I -S "$agentsync_entry" look "$agentsync_store" </dev/null &
exit 0

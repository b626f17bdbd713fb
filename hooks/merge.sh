# shellcheck shell=sh disable=SC2154
# git's merge driver for the file that holds agentsync's reports. $1: the common ancestor, $2: ours, which gets the
# result, $3: theirs, $4: the length of conflict markers. The end status is git's: 0 clean, 1 to 127 conflicts.
if [ -x "$agentsync_python" ] && [ -r "$agentsync_entry" ]; then
    exec "$agentsync_python" -I -S "$agentsync_entry" merge "$@"
fi
exec git merge-file --marker-size="$4" -L ours -L base -L theirs "$2" "$1" "$3"

# shellcheck shell=sh disable=SC2154
# git's clean filter for the file that holds agentsync's reports: git gets it with the region as the index has it. git
# puts the file's name, quoted, into the line above, and `agentsync init` the interpreter and the script.
if [ -x "$agentsync_python" ] && [ -r "$agentsync_entry" ]; then
    exec "$agentsync_python" -I -S "$agentsync_entry" clean "$agentsync_path"
fi
# agentsync is gone. Its reports stay out of commits all the same; text that has no end marker below stays in, and
# whoever resolves a conflict decides.
[ -z "$(git --literal-pathspecs ls-files --unmerged -- "$agentsync_path")" ] || exec cat
{
    GIT_NO_LAZY_FETCH=1 git cat-file blob ":0:$agentsync_path" 2>/dev/null
    printf '\nagentsync: the file follows\n'
    cat
    printf x
} | LC_ALL=C awk '
function put(line) { if (some++) { printf "%s%s", gap, last; gap = held_back "\n"; held_back = "" } last = line }
{ line = $0; sub(/\r$/, "", line) }
line == "agentsync: the file follows" && !file { file = 1; inside = bare = 0; next }
line ~ /^<!-- agentsync:begin .*-->$/ && !inside { inside = 1; cr = ($0 == line) ? "" : "\r" }
!file {
    if (inside) region[++stored] = line
    if (line == "<!-- agentsync:end -->") inside = 0
    next
}
!inside { put($0); next }
{ held[++waiting] = $0 }
line ~ /^<!-- agentsync:report .* bare=yes -->$/ { bare = 1 }
line == "<!-- agentsync:end -->" {
    for (i = 1; i <= stored; i++) put(region[i] cr)
    if (bare && !stored && cr && sub(/\r$/, "", last)) held_back = cr
    inside = waiting = 0
}
END {
    for (i = 1; i <= waiting; i++) put(held[i])
    sub(/x$/, "", last)
    if (last == "" && bare && !stored) exit
    printf "%s%s", gap, last
}'

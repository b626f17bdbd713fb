# shellcheck shell=sh
# What git's clean filter does for the file that holds agentsync's reports ($1) where the interpreter or the package is
# gone: the reports stay out of commits all the same. `agentsync init` puts this into the clone's store. Text that has no
# end marker below stays in, and whoever resolves a conflict decides.
[ -z "$(git --literal-pathspecs ls-files --unmerged -- "$1")" ] || exec cat
{
    GIT_NO_LAZY_FETCH=1 git cat-file blob ":0:$1" 2>/dev/null
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

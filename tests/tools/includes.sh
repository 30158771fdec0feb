#!/bin/bash
# includes.sh: checks the direction of includes, and the length of files. A file includes from its own folder and from folders after it in this list.
set -u
folders=(main token-sync tokenctl doctor server endpoint oauth http service account password sync throttle token database metrics process config base)
declare -A height
for i in "${!folders[@]}"; do
    height[${folders[i]}]=$((${#folders[@]} - i))
done
wrong=0

complain() {
    printf '%s\n' "$*"
    wrong=1
}

# src/main.c counts as a folder of its own; every file may include version.h.
module_of() {
    local path=${1#src/}
    [[ $path == */* ]] && printf '%s\n' "${path%%/*}" || printf 'main\n'
}

# may_include FROM TO: tokenctl and doctor must not use server and endpoint.
may_include() {
    [[ $1 == "$2" ]] && return
    [[ $1 =~ ^(tokenctl|doctor)$ && $2 =~ ^(server|endpoint)$ ]] && return 1
    ((${height[$1]:-0} > ${height[$2]:-99}))
}

while IFS=: read -r file line included; do
    [[ $included != version.h ]] || continue
    may_include "$(module_of "$file")" "${included%%/*}" ||
        complain "$file:$line: includes $included, which is not below $(module_of "$file")"
done < <(grep -rnoP '^\s*#\s*include\s*"\K[^"]+' src --include='*.[ch]')

while IFS=: read -r file line _; do
    [[ $file == src/server/fastcgi.c ]] || complain "$file:$line: only src/server/fastcgi.c includes libfcgi"
done < <(grep -rnE '^\s*#\s*include\s*<(fcgi|fcgiapp|fcgi_)' src --include='*.[ch]')

for folder in src/*/; do
    folder=$(basename "$folder")
    [[ $folder =~ ^(man|doc)$ || -n ${height[$folder]:-} ]] || complain "src/$folder: is in no order; tests/tools/includes.sh has it"
done
# A file has one subject, and a reader takes it in.
while read -r lines file; do
    ((lines <= 400)) || complain "$file: $lines lines are more than 400"
done < <(find src -name '*.[ch]' -exec wc -l {} + | grep -v ' total$')
exit $wrong

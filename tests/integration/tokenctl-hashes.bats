# tokenctl: what hashes cost. How long they take is not looked at: a machine may be busy.
#
# Hashes have dollars in them, and each test, a subshell, gets variables of its own from setup().
# shellcheck disable=SC2016,SC2030,SC2031

load helper
load tokenctl

@test "hash-cost: a row a method and cost, what tokenctl hashes with marked, and no configuration" {
    CONF=/nowhere
    exits 0 hash-cost
    [[ -z $ERR ]]
    [[ $(head -n 1 <<<"$OUT") =~ ^METHOD\ +COST\ +SETTING\ +MS\ +TOKENS/S/CORE\ +MEMORY$ ]]
    [[ $(tail -n +2 <<<"$OUT" | awk '{ print $1 }' | uniq | tr '\n' ' ') == \
        'yescrypt gost-yescrypt scrypt bcrypt sha512crypt sha256crypt ' ]]
    ! tail -n +2 <<<"$OUT" | grep -vE \
        '^[a-z0-9-]+ +[0-9]+  \$[^ ]+ +[0-9]+\.[0-9]{3} +[0-9]+\.[0-9] +([0-9]+ [KM]iB|-)(  tokenctl .*)?$' || fail "$OUT"
    grep -E '^yescrypt +5  \$y\$j9T\$ .* 16 MiB  tokenctl passwd$' <<<"$OUT"
    grep -E '^bcrypt +10  \$2b\$10\$ .* 4 KiB$' <<<"$OUT"
    grep -E '^sha512crypt +1000  \$6\$rounds=1000\$ .* -  tokenctl passwd --generate$' <<<"$OUT"
    [[ $(grep -c 'tokenctl passwd' <<<"$OUT") == 2 ]]
}

@test "hash-cost METHOD: these, legacy ones among them; an unknown one is a usage error that lists the known" {
    local method
    exits 0 hash-cost md5crypt bcrypt
    [[ $(tail -n +2 <<<"$OUT" | awk '{ print $1 }' | uniq | tr '\n' ' ') == 'bcrypt md5crypt ' ]]
    says 2 'no method bcrypd' hash-cost bcrypt bcrypd
    [[ -z $OUT ]]
    for method in yescrypt gost-yescrypt scrypt bcrypt sha512crypt sha256crypt md5crypt sha1crypt sunmd5 bsdicrypt descrypt; do
        grep -qx " *$method" <<<"$ERR" || fail "$method is not in: $ERR"
    done
    says 2 'no method' hash-cost ''
    says 2 'usage:' hash-cost --frobnicate
}

@test "hash-cost --json" {
    exits 0 hash-cost sha1crypt sunmd5 bsdicrypt descrypt sha512crypt --json
    jq -e 'length == 10 and all(.[]; .milliseconds > 0 and .tokens_per_second > 0 and (.setting | type) == "string")' <<<"$OUT"
    jq -e 'map(select(.used_by)) | length == 1 and .[0].setting == "$6$rounds=1000$" and .[0].cost == 1000 and
        .[0].used_by == "tokenctl passwd --generate"' <<<"$OUT"
    exits 0 hash-cost scrypt --json
    jq -e 'map(.memory) == [33554432, 67108864, 134217728]' <<<"$OUT"
}

@test "hash-cost: what cannot be printed is told" {
    ! tokenctl hash-cost descrypt >/dev/full 2>"$DIR/err" || fail 'exit status 0'
    grep 'standard output' "$DIR/err"
}

# tokenctl: what hashes cost, and what check says of them. How long they take is not looked at: a machine may be busy.
#
# Hashes have dollars in them, and each test, a subshell, gets variables of its own from setup().
# shellcheck disable=SC2016,SC2030,SC2031

load helper
load tokenctl

BCRYPT=yMx1hbBvDoNIPoBeZRVveeLgHNAi/Pmb8aAiUj1DfU5tTzbtUAdIi
SHA256=0IyaXrmV7.sGNS6tirgqHLqX/G.FBvgkYA.lpPdS5sA
SHA512=$SHA256$SHA256

# warns TEXT: a line of $ERR begins with it, behind the file's name.
warns() {
    grep -qF -- "warning: $ACCOUNTS:$1" <<<"$ERR" || fail "no warning $1 in: $ERR"
}

@test "hash-cost prints one row per method and cost, marks its own, and needs no configuration" {
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

@test "hash-cost METHOD measures these, also legacy ones; an unknown one is a usage error that lists the known ones" {
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

@test "hash-cost --json prints an array" {
    exits 0 hash-cost sha1crypt sunmd5 bsdicrypt descrypt sha512crypt --json
    jq -e 'length == 10 and all(.[]; .milliseconds > 0 and .tokens_per_second > 0 and (.setting | type) == "string")' <<<"$OUT"
    jq -e 'map(select(.used_by)) | length == 1 and .[0].setting == "$6$rounds=1000$" and .[0].cost == 1000 and
        .[0].used_by == "tokenctl passwd --generate"' <<<"$OUT"
    exits 0 hash-cost scrypt --json
    jq -e 'map(.memory) == [33554432, 67108864, 134217728]' <<<"$OUT"
}

@test "hash-cost reports output that cannot be written" {
    ! tokenctl hash-cost descrypt >/dev/full 2>"$DIR/err" || fail 'exit status 0'
    grep 'standard output' "$DIR/err"
}

@test "check does not warn of hashes of --generate" {
    exits 0 add made --generate
    exits 0 check
    [[ -z $ERR && $OUT == *'1 account, 0 unusable; 1 key; 0 warnings' ]]
}

@test "check and token.fcgi -t warn of weak hashes, once for all lines of a method" {
    not_under_valgrind 'check finds hashes too slow that valgrind makes so, and warns of them as well'
    local alike
    configure allow_legacy_hashes yes
    exits 0 add made --generate
    printf '%s\n' "b1:\$2y\$05\$$BCRYPT" "b2:\$2b\$04\$$BCRYPT" "b3:!\$2a\$09\$$BCRYPT" \
        "s6:\$6\$rounds=1000\$salt\$$SHA512" "s5:\$5\$rounds=4999\$salt\$$SHA256" 'm:$1$oXWXtWY8$dIkvDJkDbZMOD.mKav8za1' \
        "none:\$2b\$32\$$BCRYPT" >>"$ACCOUNTS"
    exits 0 check
    warns '3: client "b1" and 2 lines more: the hash is bcrypt: it is faster to guess than'
    warns '6: client "s6": the hash is sha512crypt: it is faster to guess than'
    warns '7: client "s5": the hash is sha256crypt: it is faster to guess than'
    warns '8: client "m": the hash is md5crypt: it is a legacy method'
    warns '9: client "none": the hash is bcrypt: crypt(3) does not compute'
    [[ $(grep -c 'tokenctl passwd' <<<"$ERR") == 5 && $OUT == *'8 accounts, '*'; 1 key; 5 warnings' ]]
    alike=$("$DIR/token.fcgi" -c "$CONF" -t 2>&1)
    [[ $ERR$'\n'$OUT == "$alike" ]]
}

@test "check warns of hashes that are too slow, and does not wait for them" {
    configure verify_cost_limit 60000
    printf '%s\n' "b:\$2b\$13\$$BCRYPT" "r:\$6\$rounds=2000000\$salt\$$SHA512" >>"$ACCOUNTS"
    exits 0 check
    warns '2: client "b": the hash is bcrypt: $2b$13$ allows '
    warns '3: client "r": the hash is sha512crypt: $6$rounds=2000000$ allows '
    [[ $(grep -c 'tokenctl hash-cost' <<<"$ERR") == 2 ]]
}

@test "a hash beyond verify_cost_limit is reported by check, -t and list, and neither verified nor a decoy" {
    local client_id number=2
    printf '%s\n' "b:\$2b\$31\$$BCRYPT" "r:\$6\$rounds=999999999\$salt\$$SHA512" \
        "y:\$y\$jS5\$salt\$$SHA256" "c:\$7\$TU..../....salt\$$SHA256" \
        "d:\$6\$rounds=90000000\$salt\$$SHA512" >>"$ACCOUNTS"
    exits 0 check
    for client_id in b r y c d; do
        warns "$number: client \"$client_id\": the hash would take longer on this machine than verify_cost_limit"
        ((number++))
    done
    [[ $("$DIR/token.fcgi" -c "$CONF" -t 2>&1) == "$ERR"$'\n'"$OUT" ]]
    exits 0 list
    [[ $(grep -c 'unusable.*verify_cost_limit' <<<"$OUT") == 5 ]]
    for client_id in b r y c d nobody; do
        works_not $client_id secret
    done
}

# A library for a machine on which all takes a thousand times as long: its clock of a thread's CPU time.
make_slow() {
    "${CC:-cc}" -std=c17 -D_GNU_SOURCE -shared -fPIC -o "$DIR/slow.so" -x c - <<'END'
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t clock, struct timespec *time)
{
    const int result = (int)syscall(SYS_clock_gettime, clock, time);
    if (clock == CLOCK_THREAD_CPUTIME_ID) {
        const long long ns = (time->tv_sec * 1000000000LL + time->tv_nsec) * 1000;
        time->tv_sec = ns / 1000000000;
        time->tv_nsec = ns % 1000000000;
    }
    return result;
}
END
}

@test "passwd: no hash that verify_cost_limit makes unusable is written" {
    [[ ! $(nm "$TOKENCTL" 2>/dev/null) =~ __(a|t)san_init ]] || skip 'a sanitizer must be loaded first'
    not_under_valgrind 'which shares the clock'
    make_slow
    configure verify_cost_limit 100
    LD_PRELOAD=$DIR/slow.so exits 0 add quick --generate
    cp "$ACCOUNTS" "$DIR/before"
    LD_PRELOAD=$DIR/slow.so says 1 'verify_cost_limit = 100 allows; raise it in ' add dear <<<'secret'
    LD_PRELOAD=$DIR/slow.so says 1 'verify_cost_limit = 100 allows; raise it in ' passwd quick <<<'secret'
    cmp "$ACCOUNTS" "$DIR/before"
    configure verify_cost_limit 60000
    exits 0 add dear <<<'secret'
}

@test "check of a hundred thousand lines with many costs ends in bounded time" {
    seq 1 100000 | awk -v digest="$SHA512" '{ printf "c%d:$6$rounds=%d$salt$%s\n", $1, 5000 + $1, digest }' >"$ACCOUNTS"
    exits 0 check
    [[ $OUT == *'100000 accounts, '* ]]
    (($(wc -l <<<"$ERR") <= 1)) || fail "$ERR"
}

@test "the start of token.fcgi measures nothing and says nothing of hashes" {
    printf '%s\n' "c:\$2b\$04\$$BCRYPT" >>"$ACCOUNTS"
    works_not nobody secret
    ! grep -E 'hash' "$DIR/log/token.log" || fail 'it speaks of hashes'
}

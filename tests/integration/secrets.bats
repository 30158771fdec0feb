# A secret is gone 100 ms after its request was answered: from all memory of the process, and it never was in its log, its
# arguments or its environment. By find_secret.c, which is also shown what is there.

load helper
load requests

setup_file() {
    "${CC:-cc}" -std=c17 -D_GNU_SOURCE -O1 -o "$BATS_FILE_TMPDIR/find_secret" "$REPOSITORY/tests/integration/find_secret.c"
}

RIGHT=right-4f1c0d9b7a6e5832-the-secret-of-the-account-ZQ7w8Kx2Lm9Tn4Vb
WRONG=wrong-a93be27d05c14f68-what-somebody-has-guessed-Pj5Rs1Yc6Hd3Gf0U

setup() {
    [[ $EUID -eq 0 ]] || skip 'only root sees the memory of a process that cannot be dumped'
    [[ ! $(nm "$FCGI" 2>/dev/null) =~ __(a|t)san_init ]] || skip 'a sanitizer keeps freed memory as it was'
    not_under_valgrind 'valgrind has a free() of its own, which does not wipe'
    make_folder
    add_account reader "$RIGHT" --scope 'read write'
    own "$DIR/etc"
    TOKEN_CONF=$CONF start token.fcgi "$DIR/token.fcgi" -l "$DIR/run/token.sock"
    wait_until 'the socket' is_bound "$DIR/run/token.sock"
}

teardown() {
    show_logs
    [[ -z ${DIR:-} ]] || remove_folder
}

# find_nothing keep|close STATUS SECRET FORM AUTHORIZATION: nothing of the secret is found.
find_nothing() {
    local found
    found=$("$BATS_FILE_TMPDIR/find_secret" "$DIR/run/token.sock" "$(pid_of token.fcgi)" "$1" "$4" "$5" "secret=$3" \
        ${5:+"base64=${5#Basic }"})
    equal "$* in memory" "$found" "$2"
}

basic() {
    printf 'Basic %s' "$(printf '%s' "$1" | base64 -w 0)"
}

@test "no secret and no token is left in memory" {
    local connection kind
    for connection in keep close; do
        for kind in hashed remembered; do
            row "$connection $kind"
            find_nothing $connection 200 "$RIGHT" "$GRANT&client_id=reader&client_secret=$RIGHT" ''
            find_nothing $connection 401 "$WRONG" "$GRANT&client_id=reader&client_secret=$WRONG" ''
            find_nothing $connection 401 "$WRONG" "$GRANT&client_id=nobody&client_secret=$WRONG" ''
            find_nothing $connection 200 "$RIGHT" "$GRANT" "$(basic "reader:$RIGHT")"
            find_nothing $connection 401 "$WRONG" "$GRANT" "$(basic "reader:$WRONG")"
            find_nothing $connection 401 "$WRONG" "$GRANT" "$(basic "nobody:$WRONG")"
        done
        # What is refused before anybody looks at the secret.
        find_nothing $connection 400 "$RIGHT" "$GRANT&client_id=reader&client_secret=$RIGHT&client_secret=$RIGHT" ''
        find_nothing $connection 400 "$RIGHT" "$GRANT&client_secret=$RIGHT" "$(basic "reader:$RIGHT")"
        find_nothing $connection 413 "$RIGHT" "$GRANT&client_secret=$RIGHT&filler=$(printf '%020000d' 0)" ''
    done
}

@test "control: the search finds a secret that is in memory" {
    local hash
    hash=$(sed -n 's/^reader://; s/:.*//; p' "$DIR/etc/accounts" | tail -n 1)
    run "$BATS_FILE_TMPDIR/find_secret" "$DIR/run/token.sock" "$(pid_of token.fcgi)" keep "$GRANT" '' "hash=$hash"
    [[ $output == *$'\nhash '* ]]
}

@test "no secret is in the log, the arguments or the environment" {
    find_nothing keep 200 "$RIGHT" "$GRANT&client_id=reader&client_secret=$RIGHT" ''
    find_nothing keep 401 "$WRONG" "$GRANT" "$(basic "reader:$WRONG")"
    find_nothing keep 400 "$WRONG" "$GRANT&client_id=reader&client_secret=$WRONG&client_secret=$WRONG" ''
    grep -q outcome=issued "$DIR/log/token.log"
    run grep -aE -e "$RIGHT|$WRONG|$JWT" "$DIR"/log/* "/proc/$(pid_of token.fcgi)"/{cmdline,environ}
    [[ $status -eq 1 && -z $output ]]
}

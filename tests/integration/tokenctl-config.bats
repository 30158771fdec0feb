# tokenctl: init with a user, what is in force, and a key of token.conf that is changed without an editor.
#
# Each test, a subshell, gets variables of its own from setup().
# shellcheck disable=SC2030,SC2031

load helper
load tokenctl

teardown() {
    ! mountpoint -q "$DIR/small" || umount "$DIR/small"
    remove_folder
}

# --- init ------------------------------------------------------------------------------------------------------

@test "init --user --group: the next start works, and the last lines are the next two commands" {
    [[ $EUID -eq 0 ]] || skip 'only root can become another user'
    local line
    mkdir "$DIR/new"
    CONF=$DIR/new/etc/token.conf
    exits 0 init --user www-data
    [[ $(tail -n 3 <<<"$OUT") == "next:
  tokenctl -c $CONF add ID --generate --scope \"a b\"
  tokenctl -c $CONF check" ]] || fail "$OUT"
    grep -x 'user = www-data' "$CONF"
    [[ $(cd "$DIR/new/etc" && stat -c '%a %U:%G %n' accounts keys.jwks state token.conf | tr '\n' ' ') == \
        '640 root:www-data accounts 640 root:www-data keys.jwks 700 www-data:www-data state 644 root:root token.conf ' ]]
    line=$(tail -n 2 <<<"$OUT" | head -n 1)
    line=${line/ID/client}
    exits 0 add client <<<'secret'
    [[ $line == *'add client --generate'* ]]
    exits 0 check
    chmod 0755 "$DIR/new"
    works client secret
    # Once more, after an administrator got the owners wrong.
    chown root:root "$DIR/new/etc/keys.jwks" "$DIR/new/etc/state"
    says 1 "user www-data may not" check
    exits 0 init --user www-data
    exits 0 check
    # What the message says works.
    says 0 'with user = www-data; change it there with an editor, and run this command again' init --user nobody
    sed -i 's/^user = .*/user = nobody/' "$CONF"
    exits 0 init --user nobody
    says 1 "it must belong to the user that token.fcgi runs as; run: chown -R USER '$DIR/new/etc/state'" check
    chown -R nobody "$DIR/new/etc/state"
    exits 0 check
    says 1 'there is no user no-such-user' init --user no-such-user
    rm -r "$DIR/new"
    mkdir "$DIR/new"
    exits 0 init --user nobody --group www-data
    grep -x 'group = www-data' "$CONF"
    [[ $(stat -c '%U:%G' "$DIR/new/etc/state") == nobody:www-data ]]
    exits 0 check
    says 1 'there is no group no-such-group' init --group no-such-group
}

@test "init makes an ES256 key, or HS256 on request; --json prints it" {
    mkdir "$DIR/new"
    CONF=$DIR/new/token.conf
    exits 0 init --json
    [[ $(jq -c '[(.made | length), (.kept | length)]' <<<"$OUT") == '[4,0]' ]]
    [[ $(jq -r '.keys[0].alg' "$DIR/new/keys.jwks") == ES256 ]]
    exits 0 init --json
    [[ $(jq -c '[(.made | length), (.kept | length)]' <<<"$OUT") == '[0,4]' ]]
    rm "$DIR/new/keys.jwks"
    exits 0 init --alg HS256
    [[ $(jq -r '.keys[0].alg' "$DIR/new/keys.jwks") == HS256 ]]
}

@test "init -n: what would be made, and nothing is" {
    CONF=$DIR/none/etc/token.conf
    exits 0 init -n --issuer https://api.example.com/oauth
    [[ $OUT == "would be made $CONF"$'\n'"would be made $DIR/none/etc/accounts"$'\n'"would be made $DIR/none/etc/keys.jwks"$'\n'"would be made $DIR/none/etc/state" ]] || fail "$OUT"
    [[ ! -e $DIR/none ]]
    mkdir -p "$DIR/none/etc"
    exits 0 init --alg HS256
    rm "$DIR/none/etc/accounts"
    exits 0 init -n --json
    [[ $(jq -c '[(.made | length), (.kept | length)]' <<<"$OUT") == '[1,3]' && ! -e $DIR/none/etc/accounts ]] || fail "$OUT"
    says 2 '--issuer' init -n --issuer api.example.com
}

@test "init by a user who is not root gives nothing away" {
    [[ $EUID -eq 0 ]] || skip 'only root can become another user'
    chmod 0755 "$DIR"
    install -d -o nobody "$DIR/new"
    run setpriv --reuid=nobody --regid=nogroup --clear-groups "$DIR/tokenctl" -c "$DIR/new/token.conf" init --user www-data
    [[ $status -eq 1 && $output == *'only root can give files to another user'* ]] || fail "$output"
    [[ -z $(ls "$DIR/new") ]]
    run setpriv --reuid=nobody --regid=nogroup --clear-groups "$DIR/tokenctl" -c "$DIR/new/token.conf" init --user nobody
    [[ $status -eq 0 ]] || fail "$output"
}

# --- config ----------------------------------------------------------------------------------------------------

@test "config: all keys in force, in a form that is a configuration; --json" {
    exits 0 config
    grep -x "# $CONF" <<<"$OUT"
    grep -x 'issuer = https://api.example.com/apiops/auth' <<<"$OUT"
    grep -x 'audience = https://api.example.com/apiops/auth' <<<"$OUT"
    grep -x "accounts = $ACCOUNTS" <<<"$OUT"
    grep -x 'token_lifetime = 3600' <<<"$OUT"
    grep -x 'sandbox = yes' <<<"$OUT" || grep -x 'sandbox = no' <<<"$OUT"
    grep -x 'log_level = info' <<<"$OUT"
    grep -Ex 'threads = [1-9][0-9]*' <<<"$OUT"
    [[ $OUT == *'throttle_failures = 1000000'*'# defaults'*'token_lifetime'* ]]
    ! grep authorization_endpoint <<<"$OUT" || fail 'it has no value'
    printf '%s\n' "$OUT" >"$DIR/etc/again.conf"
    own "$DIR/etc/again.conf"
    before=$(grep -v '^#' <<<"$OUT" | sort)
    CONF=$DIR/etc/again.conf
    exits 0 config
    [[ $(grep -v '^#' <<<"$OUT" | sort) == "$before" ]]
    exits 0 config --json
    jq -e '.issuer == {"value": "https://api.example.com/apiops/auth", "default": false}' <<<"$OUT"
    says 1 'cannot be read' -c "$DIR/nowhere" config
}

@test "config set: one key, with the checks of check; comments, order, mode and owner stay" {
    printf '# first\n\nissuer = https://api.example.com/apiops/auth\r\n# why\n  max_body=2048\n#token_lifetime = 3600\n# last' >"$CONF"
    chmod 0640 "$CONF"
    own "$CONF"
    local before
    before=$(stat -c '%a %U:%G' "$CONF")
    says 0 'a running token.fcgi applies it on SIGHUP' config set max_body 4096
    # What is checked is a copy, which no message names.
    ((EUID != 0)) || [[ $ERR == "warning: $CONF: running as root"* ]] || fail "$ERR"
    says 0 'a running token.fcgi and token-sync apply it on SIGHUP' config set sync 127.0.0.1:6379
    exits 0 config set sync ''
    exits 0 config set token_lifetime 600
    exits 0 config set verify_queue 8
    exits 0 config set issuer https://other.example.com
    printf '# first\n\nissuer = https://other.example.com\r\n# why\nmax_body = 4096\n#token_lifetime = 3600\ntoken_lifetime = 600\n# last\nverify_queue = 8\n' |
        diff - "$CONF"
    [[ $(stat -c '%a %U:%G' "$CONF") == "$before" ]]
    says 0 'max_body already has this value' config set max_body 4096
    exits 0 config set max_body ''
    ! grep max_body "$CONF" || fail 'still there'
    exits 0 config set -n backlog 7
    [[ $OUT == 'backlog would be 7' ]]
    ! grep backlog "$CONF" || fail 'it is set'
    [[ -z $(find "$DIR/etc" -name '.token.conf.*') ]]
}

@test "config set --json" {
    exits 0 config set --json -n log_level debug
    [[ $OUT == '{"key":"log_level","value":"debug","result":"changed"}' ]] || fail "$OUT"
    ! grep -x 'log_level = debug' "$CONF" || fail 'it is changed'
    exits 0 config set --json log_level debug
    [[ $OUT == '{"key":"log_level","value":"debug","result":"changed"}' && -z $ERR ]] || fail "$OUT $ERR"
    grep -x 'log_level = debug' "$CONF"
    exits 0 config set --json log_level debug
    [[ $OUT == '{"key":"log_level","value":"debug","result":"unchanged"}' ]] || fail "$OUT"
    exits 0 config set --json log_level ''
    [[ $OUT == '{"key":"log_level","result":"changed"}' ]] || fail "$OUT"
    exits 1 config set --json log_level loud
    [[ -z $OUT ]]
}

@test "config set: errors are reported, and the file stays" {
    local before
    before=$(<"$CONF")
    says 2 'argument missing' config set
    says 2 'argument missing' config set max_body
    says 2 'more arguments' config set max_body 4096 5
    says 2 'there is no key max_boddy; is it max_body' config set max_boddy 4096
    says 1 'max_body must be a whole number from 1024 to 1048576' config set max_body 1
    says 1 'issuer must' config set issuer nonsense
    says 1 'issuer is missing' config set issuer ''
    says 1 'there is no user no-such-user' config set user no-such-user
    says 1 'keys.jwks' config set keys "$DIR/nowhere/keys.jwks"
    says 1 'accounts' config set accounts other
    says 2 'control character' config set audience $'a\nissuer = b'
    says 1 'comment after a value' config set audience 'a #b'
    [[ $ERR == *'nothing is changed'* && $(<"$CONF") == "$before" ]]
    [[ -z $(find "$DIR/etc" -name '.token.conf.*') ]]
}

@test "config set: killed at any moment, the file is the old one or the new one; many at once lose nothing" {
    not_under_valgrind 'it would be killed while valgrind starts, before the program does'
    local round killed=0
    takes tokenctl config set max_body 1999
    for ((round = 0; round < 40; round++)); do
        ! is_killed_at $round 40 "$DIR/tokenctl" -c "$CONF" config set max_body $((2000 + round)) || ((killed += 1))
        exits 0 config
    done
    ((killed > 0)) || fail 'none was killed in time'
    for round in verify_queue backlog max_body token_lifetime throttle_window idle_timeout; do
        tokenctl config set $round 1234 2>/dev/null 3>&- &
    done
    wait
    exits 0 config
    [[ $(grep -c '= 1234$' "$CONF") == 6 ]]
    [[ -z $(find "$DIR/etc" -name '.token.conf.*') ]]
}

@test "config set: a full disk and missing rights change nothing" {
    [[ $EUID -eq 0 ]] || skip 'only root mounts, and becomes another user'
    chmod 0755 "$DIR/etc"
    run setpriv --reuid=65534 --regid=65534 --clear-groups "$DIR/tokenctl" -c "$CONF" config set max_body 4096
    [[ $status -eq 1 && $output == *'Permission denied'* ]] || fail "$output"
    mkdir "$DIR/small"
    mount -t tmpfs -o size=64k tmpfs "$DIR/small" 2>/dev/null || skip 'mount is not allowed here'
    cp -a "$DIR/etc/." "$DIR/small"
    CONF=$DIR/small/token.conf
    before=$(<"$CONF")
    cat /dev/zero >"$DIR/small/filler" 2>/dev/null || true
    says 1 'No space left on device' config set max_body 4096
    [[ $(<"$CONF") == "$before" && -z $(find "$DIR/small" -name '.token.conf.*') ]]
    umount "$DIR/small"
}

# --- check of what token-sync needs ----------------------------------------------------------------------------

# check_says TEXT: so do check, check --json and token.fcgi -t, which succeed: token.fcgi starts all the same.
check_says() {
    says 0 "$1" check || return
    run "$DIR/token.fcgi" -c "$CONF" -t
    [[ $status -eq 0 && $output == *"$1"* ]] || fail "$output" || return
    exits 0 check --json || return
    jq -e --arg text "${1#*: }" 'any(.messages[]; .message == $text)' <<<"$OUT" || fail "$OUT"
}

@test "check: the password of token-sync's engine" {
    local file=$DIR/etc/sync-password
    configure sync_password_file sync-password
    # Nobody reads it without 'sync'.
    exits 0 check
    configure sync 127.0.0.1:6379
    check_says "warning: $file: cannot be read: No such file or directory; write the password into its first line, or correct sync_password_file"
    mkdir "$file"
    check_says "warning: $file: cannot be read: it is not a regular file; write the password into its first line, or correct sync_password_file"
    rmdir "$file"
    : >"$file"
    chmod 0600 "$file"
    own "$file"
    check_says "warning: $file: there is no password in its first line; write it there"
    printf '\nthe-password\n' >"$file"
    check_says "warning: $file: there is no password in its first line; write it there"
    printf 'the-password\nthe-old-one\n' >"$file"
    check_says "warning: $file: it has more than one line, of which the first is the password; remove the others"
    printf 'the-password\n' >"$file"
    chmod 0644 "$file"
    check_says "warning: $file: mode 0644 lets everybody read it; run: chmod o-rwx '$file'"
    [[ $ERR != *the-password* ]]
    chmod 0640 "$file"
    exits 0 check
    [[ $ERR != *sync-password* ]] || fail "$ERR"
    says 0 'other: cannot be read: No such file or directory' config set sync_password_file other
}

@test "check: a password that the user of the service may not read, and TLS that this build has not" {
    [[ $EUID -eq 0 ]] || skip 'only root becomes another user'
    own "$DIR/etc"
    configure user www-data
    configure sync 127.0.0.1:6379
    configure sync_password_file sync-password
    printf 'the-password\n' >"$DIR/etc/sync-password"
    chown root:root "$DIR/etc/sync-password"
    chmod 0600 "$DIR/etc/sync-password"
    check_says "warning: $DIR/etc/sync-password: cannot be read: Permission denied; give this user's group the right to read it (mode 0640), and to enter its folder"
    chgrp www-data "$DIR/etc/sync-password"
    chmod 0640 "$DIR/etc/sync-password"
    exits 0 check
    ldd "$TOKENSYNC" | grep hiredis_ssl && return
    configure sync_tls yes
    check_says "warning: $CONF: sync_tls = yes: the hiredis library of this build has no TLS; use a tunnel (stunnel), or a system with hiredis 1.0 or later"
}

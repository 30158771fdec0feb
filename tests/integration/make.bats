# make run, install, uninstall and clean, in a copy of the tree; what it says where it cannot go on.

load helper

leader=()

setup() {
    make_folder
    COPY=$DIR/copy
    mkdir "$COPY"
    # With its time stamps, so that what is built is not built again.
    (cd "$REPOSITORY" && tar -cf - --exclude=./run --exclude=./.git --exclude=./build/clients .) | tar -xf - -C "$COPY"
}

teardown() {
    show_logs
    remove_folder
}

# As typed there, whatever this run was started with.
in_copy() {
    env -u FCGI -u TOKENCTL -u BUILD -u SANITIZE -u MAKEFLAGS -u MAKELEVEL --default-signal=INT \
        "${leader[@]}" make --no-print-directory -C "$COPY" "$@"
}

# --- run -------------------------------------------------------------------------------------------------------

has_printed_curl() {
    is_running "$(pid_of run)" || fail "make run has ended: $(<"$DIR/log/run.log")" || exit 1
    grep -q '^    curl ' "$DIR/log/run.log"
}

# In a session of its own, so that Ctrl-C can be sent as a terminal does: to all of it.
start_demo() {
    local leader=(setsid -w)
    : >"$DIR/log/run.log"
    start run in_copy run PORT="$PORT"
    wait_until 'the curl line' has_printed_curl
    CURL=$(grep '^    curl ' "$DIR/log/run.log")
}

# Pastes the line.
fetch() {
    bash -c "$CURL -s"
}

press_ctrl_c() {
    local leader
    # shellcheck disable=SC2046
    leader=$(ps -o pid= -o sid= -p $(descendants "$(pid_of run)") | awk '$1 == $2 { print $1 }')
    kill -INT -- "-$leader"
    wait_until 'the end of make run' is_gone "$(pid_of run)"
    rm "$DIR/pids/run"
    wait_until 'the end of lighttpd and token.fcgi' nothing_left_over
}

@test "make run prints a curl line that works, ends with Ctrl-C, and keeps account and key" {
    local token first
    PORT=$(free_port)
    start_demo
    first=$CURL
    token=$(fetch | jq -er 'select(.token_type == "Bearer" and .expires_in == 3600) | .access_token')
    press_ctrl_c

    start_demo
    [[ $CURL == "$first" ]]
    fetch | jq -e .access_token
    "$COPY/build/tokenctl" -c "$COPY/run/token.conf" inspect "$token" | jq -e .valid
    [[ $(stat -c %a "$COPY/run/keys.jwks") == 600 ]]
    press_ctrl_c
}

@test "make run: a port in use and an invalid port are errors with a remedy" {
    PORT=$(free_port)
    start_demo
    run in_copy run PORT="$PORT"
    [[ $status -ne 0 && $output == *"Port $PORT is taken"*"make run PORT="* ]]
    run in_copy run PORT=http
    [[ $status -ne 0 && $output == *'http is no port'* ]]
    press_ctrl_c
}

# --- packages --------------------------------------------------------------------------------------------------

# A machine that lacks a package and has these programs only.
poor_machine() {
    local program
    mkdir "$DIR/poor" "$DIR/poor/bin"
    cp "$REPOSITORY/tests/tools/need.sh" "$DIR/poor"
    printf 'a-package   build   a-program-of-it\n' >"$DIR/poor/packages"
    for program in bash dirname grep mkdir printf env sh rm chmod "$@"; do
        ln -s "$(type -P "$program")" "$DIR/poor/bin/$program"
    done
    mkdir "$DIR/poor/build"
    chmod 0777 "$DIR/poor/build"
}

# need_as USER SET
need_as() {
    local setpriv
    setpriv=$(type -P setpriv)
    cd "$DIR/poor" || return
    PATH=$DIR/poor/bin "$setpriv" --reuid="$1" --clear-groups ./need.sh "$2"
}

@test "make deps without apt-get prints what is missing" {
    poor_machine
    run need_as "$EUID" build
    [[ $status -ne 0 && $output == 'There is no apt-get here: install what Debian calls a-package'* ]]
}

@test "make deps without root and sudo prints the command" {
    poor_machine apt-get
    [[ $EUID -ne 0 ]] || set -- nobody
    run need_as "${1:-$EUID}" build
    [[ $status -ne 0 && $output == *'there is no sudo: as root, run: apt-get update && apt-get install -y'*a-package ]]
}

@test "make deps without a network says that it failed" {
    [[ $EUID -eq 0 ]] || skip 'apt-get is called by root'
    poor_machine
    printf '#!/bin/sh\necho "no network" && exit 100\n' >"$DIR/poor/bin/apt-get"
    chmod 0755 "$DIR/poor/bin/apt-get"
    run need_as 0 build
    [[ $status -ne 0 && $output == *'build/packages.log says why'*'see to the network'* ]]
    grep -q 'no network' "$DIR/poor/build/packages.log"
}

@test "make deps needs neither root nor apt-get if nothing is missing" {
    poor_machine
    printf 'a-package   build   grep\n' >"$DIR/poor/packages"
    run need_as "$EUID" build
    [[ $status -eq 0 && -z $output ]]
}

# --- install ---------------------------------------------------------------------------------------------------

installed() {
    (cd "$DIR/root" && find . ! -type d -printf '%m %P\n' | sort -k 2)
}

@test "make uninstall removes what make install put into a DESTDIR" {
    local page expected
    in_copy install DESTDIR="$DIR/root" PREFIX=/opt/token sysconfdir=/etc
    expected=$(
        printf '755 opt/token/%s\n' bin/tokenctl libexec/token.fcgi libexec/token-sync
        for page in README.md "$REPOSITORY"/src/doc/*.md; do
            printf '644 opt/token/share/doc/token.fcgi/%s\n' "${page##*/}"
        done
        for page in "$REPOSITORY"/conf/*; do
            [[ -d $page ]] || printf '644 opt/token/share/doc/token.fcgi/conf/%s\n' "${page##*/}"
        done
        printf '644 opt/token/%s\n' lib/tmpfiles.d/token.conf lib/sysusers.d/token.conf \
            lib/systemd/system/token.service lib/systemd/system/token.socket lib/systemd/system/token-sync.service \
            share/bash-completion/completions/tokenctl
        printf '644 etc/%s\n' logrotate.d/token.fcgi fail2ban/filter.d/token-fcgi.conf fail2ban/jail.d/token-fcgi.conf
        for page in token-accounts.5 token.conf.5 token.fcgi.8 token-sync.8 tokenctl.8; do
            printf '644 opt/token/share/man/man%s/%s\n' "${page##*.}" "$page"
        done
    )
    diff <(sort -k 2 <<<"$expected") <(installed)
    # The configuration is sought where sysconfdir said.
    "$DIR/root/opt/token/libexec/token.fcgi" -h | grep -F 'else /etc/token/token.conf'
    "$DIR/root/opt/token/bin/tokenctl" --help | grep -F 'else /etc/token/token.conf'
    [[ -d $DIR/root/etc/token ]]
    # So do the configurations and the manual.
    # shellcheck disable=SC2016 # as they stand in the manual's source
    ! grep -rn -e '/usr/local/[les]' -e '\$(sysconfdir)' -e '\$(docdir)' "$DIR/root/opt/token/"{share,lib} || fail 'folders of another prefix'
    grep -F 'ExecStart=/opt/token/libexec/token.fcgi' "$DIR/root/opt/token/lib/systemd/system/token.service"
    grep -F '"TOKEN_CONF" => "/etc/token/token.conf"' "$DIR/root/opt/token/share/doc/token.fcgi/conf/lighttpd-cgi.conf"
    grep -F '/etc/token/token.conf' "$DIR/root/opt/token/share/man/man5/token.conf.5"
    while read -r page; do
        [[ -s $DIR/root/opt/token/share/doc/token.fcgi/$page ]] || fail "README names $page, which is not installed"
    done < <(sed -n 's/.*](\([a-zA-Z]*\.md\)).*/\1/p' "$DIR/root/opt/token/share/doc/token.fcgi/README.md")

    : >"$DIR/root/etc/token/token.conf"
    in_copy uninstall DESTDIR="$DIR/root" PREFIX=/opt/token sysconfdir=/etc
    [[ $(installed) == '644 etc/token/token.conf' || $(installed) == *' etc/token/token.conf' ]]
    [[ ! -d $DIR/root/opt/token/share/doc/token.fcgi && ! -d $DIR/root/opt/token/lib/systemd/system ]]
}

@test "make install: what a prefix does not have goes to /etc, or where a variable says" {
    in_copy install DESTDIR="$DIR/root"
    [[ -e $DIR/root/etc/logrotate.d/token.fcgi && -e $DIR/root/etc/fail2ban/jail.d/token-fcgi.conf ]]
    [[ -e $DIR/root/usr/local/lib/systemd/system/token.socket ]]
    in_copy uninstall DESTDIR="$DIR/root"
    [[ -z $(installed) ]] || fail "$(installed)"
    in_copy install DESTDIR="$DIR/root" PREFIX=/usr sysconfdir=/etc systemdunitdir=/1 sysusersdir=/2 tmpfilesdir=/3 \
        completiondir=/4 logrotatedir=/5 fail2bandir=/6
    [[ $(cd "$DIR/root" && find [1-6] -mindepth 1 -maxdepth 1 | sort | tr '\n' ' ') == \
        '1/token-sync.service 1/token.service 1/token.socket 2/token.conf 3/token.conf 4/tokenctl 5/token.fcgi 6/filter.d 6/jail.d ' ]]
    in_copy uninstall DESTDIR="$DIR/root" PREFIX=/usr sysconfdir=/etc systemdunitdir=/1 sysusersdir=/2 tmpfilesdir=/3 \
        completiondir=/4 logrotatedir=/5 fail2bandir=/6
    [[ -z $(installed) ]] || fail "$(installed)"
}

@test "make clean leaves the files of git" {
    in_copy clean
    [[ ! -e $COPY/build && ! -e $COPY/cgi-bin/token.fcgi && -d $COPY/cgi-bin && -d $COPY/src ]]
}

# --- build -----------------------------------------------------------------------------------------------------

# Or what they free is not wiped, a hash has no huge pages, and libfcgi reads no request, and nobody hears of it.
@test "libraries are given this program's malloc, free, realloc, mmap, OS_Read and OS_Write, also where the compiler hides symbols" {
    local file
    in_copy BUILD=hidden CFLAGS=-fvisibility=hidden hidden/obj/process/libc/{heap,huge_mmap,libfcgi_io}.o >"$DIR/log/make.log" 2>&1
    for file in heap huge_mmap libfcgi_io; do
        readelf --wide --symbols "$COPY/hidden/obj/process/libc/$file.o"
    done | awk '$4 == "FUNC" && $5 == "GLOBAL" && $6 == "DEFAULT" && $7 != "UND" { print $8 }' | sort >"$DIR/visible"
    diff "$DIR/visible" - <<<$'OS_Read\nOS_Write\nfree\nmalloc\nmmap\nrealloc'
}

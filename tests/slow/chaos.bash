# Three machines and two engines, each in a network of its own and with a clock of its own; the faults that befall them; and
# a model, which knows what was done and so what must hold.
#
# DIR/plan has the faults that are to come, DIR/journal/events those that came, with all that the clients must be forgiven
# for, and DIR/journal/load.N what the clients did and got.

MACHINES=(one two three)
ENGINES=(red blue)
declare -gA ADDRESS=([one]=10.0.0.1 [two]=10.0.0.2 [three]=10.0.0.3 [red]=10.0.0.4 [blue]=10.0.0.5)

# --- Networks and clocks ---------------------------------------------------------------------------------------

# Prints why there can be none.
lacks_namespaces() {
    ((EUID == 0)) || { printf 'only root can make networks\n'; return; }
    unshare --net --mount sh -c 'ip link add near type bridge && ip link add one type veth peer name eth0 &&
        mount -t tmpfs tmpfs /mnt' 2>/dev/null || printf 'networks and file systems cannot be made here\n'
}

# on NODE COMMAND…
on() {
    nsenter --net --mount -t "$(pid_of "net-$1")" -- "${@:2}"
}

# with_clock NODE COMMAND…: becomes the command, on that node.
# shellcheck disable=SC2317 # start calls it
with_clock() {
    export LD_PRELOAD=$DIR/clock.so CHAOS_CLOCK=$DIR/clock/$1
    exec nsenter --net --mount -t "$(pid_of "net-$1")" -- "${@:2}"
}

# set_clock NODE MS: ahead of this machine's. Programs have mapped the file, so it stays the same one and is never empty.
set_clock() {
    local bits=$(($2 & 0xffffffff)) bytes
    printf -v bytes '\\x%02x' $((bits & 255)) $((bits >> 8 & 255)) $((bits >> 16 & 255)) $((bits >> 24))
    printf '%b' "$bytes" 1<>"$DIR/clock/$1"
}

is_apart() {
    [[ $(readlink "/proc/$(pid_of "net-$1")/ns/net") != $(readlink /proc/self/ns/net) &&
        $(readlink "/proc/$(pid_of "net-$1")/ns/mnt") != $(readlink /proc/self/ns/mnt) ]]
}

# The process that keeps the namespaces names the folder, as all processes of a test.
make_namespaces() {
    start "net-$1" unshare --net --mount --propagation private tail -n 0 -f "$DIR/etc/token.conf"
    wait_until "the network of $1" is_apart "$1"
    on "$1" ip link set lo up
}

# Nodes on different bridges do not reach each other.
make_network() {
    local node
    make_namespaces hub
    on hub ip link add near type bridge
    on hub ip link add far type bridge
    on hub ip link set near up
    on hub ip link set far up
    for node in "${!ADDRESS[@]}"; do
        set_clock "$node" 0
        make_namespaces "$node"
        on hub ip link add "$node" type veth peer name eth0 netns "$(pid_of "net-$node")"
        on hub ip link set "$node" master near up
        on "$node" ip address add "${ADDRESS[$node]}/24" dev eth0
        on "$node" ip link set eth0 up
    done
}

# --- Machines and engines --------------------------------------------------------------------------------------

make_chaos() {
    local i machine
    make_folder
    mkdir "$DIR/clock" "$DIR/journal" "$DIR/model"
    : >"$DIR/model/ids"
    configure token_lifetime 86400
    for i in {0..7}; do
        printf 'good%d %s\n' "$i" "$(tokenctl add "good$i" --generate)"
    done >"$DIR/secrets/clients"
    "${CC:-cc}" -std=c17 -D_GNU_SOURCE -O1 -shared -fPIC -o "$DIR/clock.so" "$REPOSITORY/tests/slow/chaos_clock.c"
    "${CC:-cc}" -std=c17 -D_GNU_SOURCE -O1 -o "$DIR/chaos_load" "$REPOSITORY/tests/slow/chaos_load.c"
    make_machines "${MACHINES[@]}"
    make_network
    for machine in "${MACHINES[@]}"; do
        set_key "$machine" sync "${ADDRESS[red]}:6379 ${ADDRESS[blue]}:6379"
        set_key "$machine" throttle_failures 150
        set_key "$machine" throttle_source_failures 1000000
        set_key "$machine" throttle_window 86400
        on "$machine" mount -t tmpfs -o size=16m,mode=0700 tmpfs "$DIR/$machine/state"
        ! id www-data >/dev/null 2>&1 || on "$machine" chown www-data:www-data "$DIR/$machine/state"
    done
    PRIMARY=red
    declare -gA EXPECTED=() AWAITED=() IS_FAR=()
    start_node red
    start_node blue
    for machine in "${MACHINES[@]}"; do
        start_node "sync-$machine"
        start_node "responder-$machine"
    done
    until_settled
}

# start_node NAME: an engine, or token-sync or the responder of a machine.
start_node() {
    local machine=${1#*-}
    EXPECTED[$1]=yes
    case $1 in
        red | blue)
            start "$1" with_clock "$1" redis-server --bind 0.0.0.0 --protected-mode no --save '' --appendonly no \
                --dir "$DIR/run" --unixsocket "$DIR/run/$1.sock" --repl-diskless-sync-delay 0
            [[ $1 == "$PRIMARY" ]] || AWAITED[$1]=demotion
            ;;
        sync-*) start "$1" with_clock "$machine" "$DIR/token-sync" -c "$DIR/$machine/token.conf" ;;
        responder-*)
            start "$1" with_clock "$machine" "$DIR/token.fcgi" -c "$DIR/$machine/token.conf" -l "$DIR/run/$machine.sock"
            AWAITED[$1]=answer
            ;;
    esac
}

kill_node() {
    [[ $1 != responder-* ]] || note down "${1#*-}"
    unset "EXPECTED[$1]" "AWAITED[$1]"
    stop "$1" KILL
}

engine() {
    timeout 2 redis-cli -s "$DIR/run/$1.sock" "${@:2}" 2>&1
}

is_reachable() {
    [[ ${IS_FAR[$1]:-} == "${IS_FAR[$PRIMARY]:-}" ]]
}

# note EVENT TARGET
note() {
    printf 'E %s %s %s\n' "$((${EPOCHREALTIME/[.,]/} / 1000))" "$1" "$2" >>"$DIR/journal/events"
}

state_of() {
    get "$1" /health 2>/dev/null | jq -r .state
}

# Whether what was awaited has happened. An engine that is not the primary any more learns it when it can be reached.
has_come() {
    local machine=${1#*-}
    case ${AWAITED[$1]} in
        answer) [[ -n $(state_of "$machine") ]] && note up "$machine" ;;
        space) [[ $(state_of "$machine") == on_disk ]] && note space "$machine" ;;
        demotion) is_reachable "$1" && [[ $(engine "$1" replicaof "${ADDRESS[$PRIMARY]}" 6379) == OK* ]] ;;
    esac
}

has_ended() {
    local pid state=Z
    read -r pid <"$DIR/pids/$1"
    read -r _ _ state _ 2>/dev/null <"/proc/$pid/stat" || true
    [[ $state == Z ]]
}

# A service that ends is started again, as systemd does it; the model knows whether it may end.
settle() {
    local name
    for name in "${!AWAITED[@]}"; do
        ! has_come "$name" || unset "AWAITED[$name]"
    done
    for name in "${!EXPECTED[@]}"; do
        has_ended "$name" || continue
        note ended "$name"
        start_node "$name"
    done
}

is_settled() {
    settle
    ((${#AWAITED[@]} == 0))
}

until_settled() {
    wait_until 'all is up again' is_settled
}

# --- Faults ----------------------------------------------------------------------------------------------------

# split NODE…: these reach each other, and the others each other.
split() {
    local node
    for node in "$@"; do
        IS_FAR[$node]=yes
        on hub ip link set "$node" master far
    done
}

heal() {
    local node
    for node in "${!IS_FAR[@]}"; do
        on hub ip link set "$node" master near
    done
    IS_FAR=()
}

# The disk of a machine is full, until drain.
fill() {
    unset "AWAITED[disk-$1]"
    note full "$1"
    ! on "$1" dd if=/dev/zero of="$DIR/$1/state/filler" bs=64k 2>"$DIR/log/filler.log" || fail 'there is no end of the disk'
}

drain() {
    on "$1" rm -f "$DIR/$1/state/filler"
    AWAITED[disk-$1]=space
}

# The old primary, if it is there, goes on until it learns of it. One that is frozen does not take over, or only later.
fail_over() {
    local old=$PRIMARY new=red
    [[ $old == blue ]] || new=blue
    if [[ $(engine "$new" replicaof no one) == OK ]]; then
        PRIMARY=$new
        unset "AWAITED[$new]"
    fi
    demote_others
}

demote_others() {
    local name
    for name in "${ENGINES[@]}"; do
        [[ -z ${EXPECTED[$name]:-} || $name == "$PRIMARY" ]] || AWAITED[$name]=demotion
    done
}

freeze() {
    [[ -z ${EXPECTED[$1]:-} ]] || kill -STOP "$(pid_of "$1")"
}

thaw() {
    [[ -z ${EXPECTED[$1]:-} ]] || kill -CONT "$(pid_of "$1")"
}

# The administrator revokes, too, where the disk has place. The model knows what was done.
revoke_by_id() {
    local id=by-id-$EPOCHREALTIME
    ! (with_clock "$1" "$DIR/tokenctl" -c "$DIR/$1/token.conf" revoke --id "$id" --expires +1d) >>"$DIR/log/tokenctl.log" 2>&1 ||
        printf '%s\n' "$id" >>"$DIR/model/ids"
}

# weigh NAME: prints kilobytes of memory and the number of descriptors.
weigh() {
    local pid
    pid=$(pid_of "$1")
    printf '%s %s\n' "$(awk '/^RssAnon/ { print $2 }' "/proc/$pid/status")" "$(find "/proc/$pid/fd" -type l | wc -l)"
}

# After a while under load, what is used is known. Even with a full disk it serves.
weigh_spared() {
    "$DIR/chaos_load" warm "$DIR" "$SPARED"
    weigh "responder-$SPARED" >"$DIR/model/responder"
    weigh "sync-$SPARED" >"$DIR/model/sync"
}

# --- The plan --------------------------------------------------------------------------------------------------

# pick LEAST MOST: sets PICKED.
pick() {
    PICKED=$(($1 + (RANDOM * 32768 + RANDOM) % ($2 - $1 + 1)))
}

# plan PAUSE-FROM PAUSE-TO LENGTH BEGIN END TARGET…: faults of one kind, one after the other, of at most LENGTH ms; one of
# eight may last eight times as long.
plan() {
    local from=$1 to=$2 length=$3 begin=$4 end=$5 at=0 targets=("${@:6}") target longest
    while pick "$from" "$to" && (((at += PICKED) < SECONDS_OF_CHAOS * 1000)); do
        pick 0 $((${#targets[@]} - 1))
        target=${targets[PICKED]}
        printf '%d %s %s\n' $at "$begin" "$target"
        [[ -n $end ]] || continue
        pick 0 7
        ((longest = PICKED > 0 ? length : 8 * length))
        pick 0 $longest
        ((at += PICKED))
        printf '%d %s %s\n' $at "$end" "$target"
    done
}

# make_plan SEED: sets SPARED, a machine whose processes are never killed: they grow if any does.
make_plan() {
    local node clocks=() others=()
    RANDOM=$1
    pick 0 2
    SPARED=${MACHINES[PICKED]}
    mapfile -t others < <(printf '%s\n' "${MACHINES[@]}" | grep -vx "$SPARED")
    for node in "${!ADDRESS[@]}"; do
        clocks+=("$node -10000" "$node -3000" "$node 0" "$node 5000" "$node 10000")
    done
    {
        printf '%d weigh_spared\n' $((SECONDS_OF_CHAOS * 250))
        plan 2000 8000 2000 kill_node start_node "${others[@]/#/responder-}"
        plan 1500 6000 3000 kill_node start_node "${others[@]/#/sync-}"
        plan 8000 25000 4000 kill_node start_node "${ENGINES[@]}"
        plan 4000 15000 8000 split heal one two three red blue 'one red' 'two blue' 'three red' 'one two' 'one three blue'
        plan 5000 20000 5000 fill drain "${MACHINES[@]}"
        plan 8000 25000 0 fail_over ''  ''
        plan 5000 20000 5000 freeze thaw "${ENGINES[@]}"
        plan 3000 15000 0 set_clock '' "${clocks[@]}"
        plan 1000 4000 0 revoke_by_id '' "${MACHINES[@]}"
    } >"$DIR/plan.unsorted"
    sort -n -s "$DIR/plan.unsorted" >"$DIR/plan"
}

# Does what is planned, each when it is due.
carry_out() {
    local at action targets began=${EPOCHREALTIME/[.,]/}
    while read -r -u 9 at action targets; do
        while ((at * 1000 + began > ${EPOCHREALTIME/[.,]/})); do
            settle
            sleep 0.1
        done
        note "$action" "$targets"
        # shellcheck disable=SC2086 # it may have two words
        $action $targets
    done 9<"$DIR/plan"
}

recover() {
    local name
    heal
    for name in "${!EXPECTED[@]}"; do
        thaw "$name"
    done
    for name in "${MACHINES[@]}"; do
        drain "$name"
    done
    for name in "${ENGINES[@]}" "${MACHINES[@]/#/sync-}" "${MACHINES[@]/#/responder-}"; do
        [[ -n ${EXPECTED[$name]:-} ]] || start_node "$name"
    done
    demote_others
    until_settled
}

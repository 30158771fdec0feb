# The model of chaos.bats: reads what was done, and what the machines hold at the end, and prints what must not be.
#
#     E MS EVENT TARGET                 a fault began or ended (chaos.bash)
#     R BEGAN ENDED WHAT MACHINE SOURCE CLIENT_ID STATUS TOKEN      a request (chaos_load.c), behind all events
#     C MACHINE SOURCE CLIENT_ID TENTHS       the failures that a machine has counted; CLIENT_ID is "-" for all of a source
#     T MACHINE EXPECTED STATUS TOKEN         what a machine says of a token; EXPECTED is 0 if the model does not know
#
# LIMIT is throttle_failures, and IN_FLIGHT how many requests there are at a time. TOTALS and LAGS are files: what happened
# how often, and how many milliseconds revocations took to be in force elsewhere.

function violation(text) {
    print text
}

# Whether a request was made, or was waiting, while a machine was down, or its disk full.
function is_excused(fault, machine, began, ended,    i) {
    for (i = 1; i <= faults[fault, machine]; i++)
        if (began <= until[fault, machine, i] + 1 && ended >= since[fault, machine, i] - 1)
            return 1
    return 0
}

function begin_fault(fault, machine, ms,    i) {
    i = faults[fault, machine]
    if (i > 0 && until[fault, machine, i] == 1e18)
        return
    faults[fault, machine] = ++i
    since[fault, machine, i] = ms
    until[fault, machine, i] = 1e18
}

function end_fault(fault, machine, ms) {
    if (faults[fault, machine] > 0)
        until[fault, machine, faults[fault, machine]] = ms
}

$1 == "E" {
    events[$3 ($4 ~ /^(red|blue)$/ ? " engine" : $4 ~ /-/ ? " " substr($4, 1, index($4, "-") - 1) : "")]++
    if ($3 == "down" || $3 == "full")
        begin_fault($3, $4, $2)
    else if ($3 == "up")
        end_fault("down", $4, $2)
    else if ($3 == "space")
        end_fault("full", $4, $2)
    else if ($3 == "ended" && ($4 ~ /^(red|blue)$/ || !is_excused("full", substr($4, index($4, "-") + 1), $2, $2)))
        violation($4 " ended by itself")
}

# An attempt that may stay counted, on this machine or on all: its process was killed, or its end could not be written.
function add_unsure() {
    unsure[$5, $6 " " $7] += 10
    unsure[$5, $6 " -"] += 10
    keys[$6 " " $7] = keys[$6 " -"] = 1
}

function add_sure() {
    sure[$6 " " $7] += 10
    sure[$6 " -"] += 10
    keys[$6 " " $7] = keys[$6 " -"] = 1
}

$1 == "R" && $4 == "lag" {
    print $3 - $2 >LAGS
    next
}

$1 == "R" && $4 != "live" {
    requests[$4 " " $8]++
    is_down = is_excused("down", $5, $2, $3)
    is_full = is_excused("full", $5, $2, $3)
    if ($8 == 0 && !is_down)
        violation($4 " on " $5 " from " $2 " to " $3 " got no answer, though nobody killed the program")
    if (($8 == 0 || ($8 == 200 && is_full)) && $4 != "check")
        add_unsure()
    if ($8 == 0)
        next
}

# Good clients are served, whatever happens.
$1 == "R" && ($4 == "grant" || $4 == "check") && $8 != 200 {
    violation("the good client " $7 " from " $6 " got " $8 " for " $4 " on " $5 " at " $2)
}

$1 == "R" && $4 == "revoke" && $8 != 200 && !($8 == 500 && is_full) {
    violation("the good client " $7 " from " $6 " got " $8 " for revoke on " $5 " at " $2)
}

# A program that counts in memory counts for itself.
$1 == "R" && $4 == "wrong" && $8 == 401 {
    if (is_full)
        add_unsure()
    else
        add_sure()
}

# Too many in flight are a tenth of a failure; at the limit there is none.
$1 == "R" && $4 == "wrong" && $8 == 429 {
    tenths[$6 " " $7]++
}

$1 == "R" && $4 == "wrong" && $8 != 401 && $8 != 429 {
    violation("a wrong secret for " $7 " from " $6 " got " $8 " on " $5 " at " $2)
}

$1 == "C" {
    counted[$2, $3 " " $4] = $5
    keys[$3 " " $4] = 1
}

$1 == "T" && $3 != 0 && $4 != $3 {
    violation("a token that " ($3 == 401 ? "was revoked" : "nobody revoked") " gets " $4 " on " $2 ": " $5)
}

# Of what was cut off nobody knows, but all must agree.
$1 == "T" && $3 == 0 {
    if ($5 in said && said[$5] != $4)
        violation("the machines do not agree on a token: " $5)
    said[$5] = $4
}

$1 == "T" {
    statuses[$3 == 401 ? "revoked" : $3 == 200 ? "not revoked" : "cut off"]++
}

# The machines may differ by what was cut off on one of them, which tells the others nothing.
function check_count(key,    i, j, here, there, least, most) {
    least = most = sure[key] + 0
    for (i in machines)
        most += unsure[machines[i], key]
    if (tenths[key] > 0 && most < (LIMIT - IN_FLIGHT) * 10)
        violation(key " was refused after at most " most / 10 " failures")
    most += tenths[key]
    for (i in machines) {
        here = counted[machines[i], key] + 0
        if (here < least || here > most)
            violation(machines[i] ": " key " has " here / 10 " failures, not " least / 10 " to " most / 10)
        for (j in machines) {
            there = counted[machines[j], key] + 0
            if (here > there + unsure[machines[i], key])
                violation(key " has " here / 10 " failures on " machines[i] ", " there / 10 " on " machines[j])
        }
    }
    if (key ~ / -$/)
        total += least / 10
}

END {
    split("one two three", machines)
    for (key in keys)
        check_count(key)
    for (name in events)
        print "event " name ": " events[name] >TOTALS
    for (name in requests)
        print "request " name ": " requests[name] >TOTALS
    for (name in statuses)
        print "token on a machine at the end, " name ": " statuses[name] >TOTALS
    print "failures: " total + 0 >TOTALS
}

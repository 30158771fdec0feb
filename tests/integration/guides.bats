# The guides of src/doc, word for word; tests/slow/guides.bats has the other web servers.

load helper
load ../guides/guides

setup_file() {
    set_up_guides
}

teardown_file() {
    remove_guides
}

@test "guide: behind a load balancer, nginx" { behind_balancer nginx; }
@test "guide: behind a load balancer, the PROXY protocol and nginx" { speaking_proxy nginx; }
@test "guide: rotation" { follow nginx rotation.md; }
@test "guide: backup and restore" { follow nginx backup-and-restore.md; }
@test "guide: several machines" { follow nginx several-machines.md; }
@test "guide: token-sync, three machines, a balancer and Sentinel" { on_three_machines token-sync.md; }
@test "guide: upgrade, from source" { follow nginx upgrade.md 'From source' 'Look at the result'; }
@test "guide: moving from elsewhere" { follow nginx moving-from.md; }

# A wrong guide is found to be wrong.
# shellcheck disable=SC2016 # the backquotes are the guide's
@test "guide: what is not printed as the guide has it, and a command that fails, are found" {
    local guide=$FOLDER/guide.md
    printf '```sh\necho one\n```\n```text\none\n```\n## Next\n```sh\nx=1\n```\n' >"$guide"
    "$REPOSITORY/tests/guides/follow.bash" "$guide"
    "$REPOSITORY/tests/guides/follow.bash" "$guide" Next
    run "$REPOSITORY/tests/guides/follow.bash" "$guide" Other
    [[ $status -ne 0 && $output == *'no section Other'* ]]
    sed -i 's/^one/two/' "$guide"
    PATIENCE=0 run "$REPOSITORY/tests/guides/follow.bash" "$guide"
    [[ $status -eq 1 && $output == *'line 1 does not print what follows, but: one'* ]]
    printf '```sh\nfalse\ntrue\n```\n' >"$guide"
    run "$REPOSITORY/tests/guides/follow.bash" "$guide"
    [[ $status -ne 0 && $output == *'line 1 has failed'* ]]
}

# The guide to load balancers with the other web servers, see tests/integration/guides.bats; and restarts under load.

load ../integration/helper
load ../guides/guides

setup_file() {
    set_up_guides
}

teardown_file() {
    remove_guides
}

@test "guide: behind a load balancer, Apache" { behind_balancer Apache; }
@test "guide: behind a load balancer, lighttpd" { behind_balancer lighttpd; }
@test "guide: behind a load balancer, the PROXY protocol and Apache" { speaking_proxy Apache; }
@test "guide: behind a load balancer, the PROXY protocol and lighttpd" { speaking_proxy lighttpd; }
@test "no request fails while systemd restarts and reloads the service" { follow nginx "$REPOSITORY/tests/guides/restarts.md"; }

# Loaded by each web server's tests, which export SERVER: the folder, the server, and what goes on before and after.

load helper
load requests
load load
load server

setup_file() {
    setup_server
}

teardown() {
    show_logs
}

teardown_file() {
    remove_folder
}

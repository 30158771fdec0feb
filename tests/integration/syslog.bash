# A syslog daemon of the test: its socket is /dev/log in a mount namespace.

needs_mount_namespace() {
    [[ $EUID -eq 0 ]] || skip 'only root can make a mount namespace'
    unshare -m true 2>/dev/null || skip 'no mount namespace can be made here'
}

# with_dev COMMAND…: becomes the command, for which /dev/log is the socket log/syslog.sock of the folder.
with_dev() {
    cat >"$DIR/with_dev" <<'END'
mkdir -p "$DIR/dev" && mount --rbind /dev "$DIR/dev" && mount -t tmpfs -o mode=755 none /dev || exit
for name in null zero full random urandom tty shm; do
    [ -d "$DIR/dev/$name" ] && mkdir "/dev/$name" || : >"/dev/$name"
    mount --bind "$DIR/dev/$name" "/dev/$name" || exit
done
ln -s /proc/self/fd /dev/fd
ln -s "$DIR/log/syslog.sock" /dev/log
exec "$@"
END
    exec unshare -m sh "$DIR/with_dev" "$@"
}

# A daemon that writes its messages to log/messages, a line each, or with "hung" reads none.
syslogd() {
    cat >"$DIR/syslogd.py" <<'END'
import os, signal, socket, sys
path = os.environ["DIR"] + "/log/syslog.sock"
if os.path.exists(path):
    os.unlink(path)
daemon = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
daemon.bind(path)
os.chmod(path, 0o666)
while sys.argv[1:] == ["hung"]:
    signal.pause()
with open(os.environ["DIR"] + "/log/messages", "ab", buffering=0) as messages:
    while True:
        messages.write(daemon.recv(65536) + b"\n")
END
    exec /usr/bin/python3 "$DIR/syslogd.py" "$@"
}

start_syslogd() {
    start syslogd syslogd "$@"
    wait_until 'syslogd listens' is_bound "$DIR/log/syslog.sock"
}

is_in_messages() {
    grep -qE -- "$1" "$DIR/log/messages"
}

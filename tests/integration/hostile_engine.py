"""An engine that answers one command as no engine does, and the others as an empty one.

    hostile_engine.py SOCKET COMMAND WHAT

WHAT: "slow": a byte now and then; "large": a text without end; "late": a clock that nobody has.
"""

import socket
import sys
import threading
import time


def text(word):
    return b"$%d\r\n%s\r\n" % (len(word), word)


def read_command(lines):
    words = []
    for _ in range(int(lines.readline()[1:])):
        size = int(lines.readline()[1:])
        words.append(lines.read(size))
        lines.read(2)
    return words


def answer_badly(connection, what):
    if what == "late":
        connection.sendall(b"*2\r\n$19\r\n9223372036854775807\r\n$6\r\n999999\r\n")
        return
    connection.sendall(b"$1000000000\r\n")
    part = b"x" if what == "slow" else b"x" * 100000
    while True:
        connection.sendall(part)
        if what == "slow":
            time.sleep(0.3)


def answer(command):
    now = b"%d" % time.time()
    return {
        b"ROLE": b"*3\r\n" + text(b"master") + b":0\r\n*0\r\n",
        b"TIME": b"*2\r\n" + text(now) + text(b"0"),
        b"GET": text(b"an-epoch"),
        b"XINFO": b"*2\r\n" + text(b"last-generated-id") + text(b"0-0"),
        b"XADD": text(now + b"000-0"),
        b"XREAD": b"*-1\r\n",
    }.get(command, b"*0\r\n")


def serve(connection, bad_command, what):
    lines = connection.makefile("rb")
    try:
        while True:
            command = read_command(lines)[0]
            if command == bad_command:
                answer_badly(connection, what)
            else:
                if command == b"XREAD":
                    time.sleep(0.2)
                connection.sendall(answer(command))
    except (OSError, ValueError):
        connection.close()


listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
listener.listen()
while True:
    accepted = listener.accept()[0]
    threading.Thread(target=serve, args=(accepted, sys.argv[2].encode(), sys.argv[3]), daemon=True).start()

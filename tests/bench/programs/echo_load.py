# SPDX-License-Identifier: BSD-2-Clause
"""Load for the echo server: `echo_load.py PORT CONNECTIONS`. `run MILLISECONDS` keeps one request
open on each connection and answers with the requests done and the 99th percentile of their times.
No event loop here: it must be quicker than the server."""

import select
import socket
import sys
import time

from commands import answer

REQUEST = b"a line of the usual length for such a test, 64 bytes in all....\n"


def connect(port, count):
    connections = {}
    for _ in range(count):
        connection = socket.create_connection(("127.0.0.1", port))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connections[connection.fileno()] = connection
    return connections


def run(poll, connections, milliseconds):
    requests, open_requests = 0, len(connections)
    begin_ns = now_ns = time.perf_counter_ns()
    end_ns = begin_ns + milliseconds * 1000000
    sent_ns, taken_ns = dict.fromkeys(connections, begin_ns), []
    for connection in connections.values():
        connection.send(REQUEST)
    while open_requests:
        ready = poll.poll()
        now_ns = time.perf_counter_ns()
        for fd, _ in ready:
            connections[fd].recv(4096)
            requests += 1
            taken_ns.append(now_ns - sent_ns[fd])
            if now_ns < end_ns:
                sent_ns[fd] = now_ns
                connections[fd].send(REQUEST)
            else:
                open_requests -= 1
    answer(requests=requests, wall_ns=now_ns - begin_ns,
           p99_ns=sorted(taken_ns)[len(taken_ns) * 99 // 100])


def main():
    connections = connect(int(sys.argv[1]), int(sys.argv[2]))
    poll = select.epoll()
    for fd in connections:
        poll.register(fd, select.EPOLLIN)
    answer(ready=True)
    for line in sys.stdin:
        run(poll, connections, int(line.split()[1]))


main()

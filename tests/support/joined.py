"""What xdist starts as a worker: it passes its standard streams to the server of workers, and ends with the fork."""

import signal
import socket
import sys
import time

_LIMIT_S = 60.0

signal.signal(signal.SIGINT, signal.SIG_IGN)  # the fork has it as well, and reports its end
with socket.socket(socket.AF_UNIX) as server:
    began_s = time.monotonic()
    while True:
        try:
            server.connect(f"\0{sys.argv[1]}")
            break
        except ConnectionRefusedError:  # the server has only just been started
            if time.monotonic() > began_s + _LIMIT_S:
                raise
            time.sleep(0.01)
    socket.send_fds(server, [b"\0"], [0, 1, 2])
    server.recv(1)

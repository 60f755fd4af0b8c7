"""A socket to serve on, for this machine only."""

import ipaddress
import socket
from typing import Final

_BACKLOG: Final = 1024
"""Connections that may wait to be accepted; clients open hundreds at once."""


def listening(host: str, port: int) -> socket.socket:
    """Open the socket; port 0 takes a free one.

    Raises `ValueError` for an address that others could reach, `OSError` if the port is in use.
    """
    if not ipaddress.ip_address(host).is_loopback:
        raise ValueError(f"only loopback addresses are listened on, not {host}")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Named as TCP, or asyncio leaves Nagle's algorithm on and every second answer is 40 ms late.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener

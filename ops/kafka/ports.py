"""Loopback ports that stay ours while a broker is down."""

from __future__ import annotations

import socket
import sys

HOST = "127.0.0.1"


class Port:
    """A free port of this machine's loopback.

    On Linux it stays bound, without listening, until `close`: nobody else gets it while a broker is being restarted,
    and a broker may still listen there, for both sides say SO_REUSEADDR.
    """

    def __init__(self) -> None:
        self._socket = socket.socket()
        self._socket.bind((HOST, 0))
        self.number: int = self._socket.getsockname()[1]
        # Only now: a socket that said so before it was bound could be given a port that somebody else keeps.
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if sys.platform != "linux":
            self.close()

    def close(self) -> None:
        """Anyone may have it."""
        self._socket.close()


def is_free(number: int) -> bool:
    """Whether nobody listens on port `number` of the loopback."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, number))
        except OSError:
            return False
        return True

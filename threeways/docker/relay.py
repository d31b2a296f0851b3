"""Lets containers of this machine reach an emulator that listens on 127.0.0.1, and nobody else.

On Linux a container's own way to its host ends at the bridge's address, where nothing listens: a TCP relay
listens there and passes connections on. Docker Desktop leads `host.docker.internal` to 127.0.0.1 by itself.
"""

from __future__ import annotations

import ipaddress
import json
import socket
import socketserver
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from threeways.docker import engine
from threeways.errors import EngineError


@contextmanager
def relay(url: str) -> Iterator[str]:
    """Yield the URL by which containers on Docker's default bridge reach what listens at `url` here.

    Raises EngineError where the bridge cannot be found.
    """
    port = urlsplit(url).port or 80
    if sys.platform != "linux":
        yield f"http://host.docker.internal:{port}"
        return
    subnet, gateway = _bridge()
    with RelayServer((gateway, 0), Relay, bind_and_activate=True) as server:
        server.subnet, server.target = subnet, port
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), name="relay", daemon=True)
        thread.start()
        try:
            yield f"http://{gateway}:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def _bridge() -> tuple[ipaddress.IPv4Network, str]:
    """Return the default bridge's IPv4 subnet, and the host's address in it."""
    said: list[dict[str, Any]] = json.loads(
        engine.docker("network", "inspect", "bridge", "--format", "{{json .IPAM.Config}}")
    )
    for config in said:
        subnet = ipaddress.ip_network(config["Subnet"])
        if isinstance(subnet, ipaddress.IPv4Network):
            return subnet, config.get("Gateway") or str(next(subnet.hosts()))
    raise EngineError("Docker's default bridge has no IPv4 subnet: `docker network inspect bridge`")


class RelayServer(socketserver.ThreadingTCPServer):
    """Takes connections from `subnet` and passes them on to the port `target` of 127.0.0.1."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 64
    subnet: ipaddress.IPv4Network
    target: int

    def verify_request(self, request: Any, client_address: Any) -> bool:  # noqa: ARG002 - the base's form
        """Containers only: a neighbour that routes packets to the bridge's address is turned away."""
        return ipaddress.ip_address(client_address[0]) in self.subnet


class Relay(socketserver.BaseRequestHandler):
    """One connection."""

    server: RelayServer

    def handle(self) -> None:
        """Pass bytes both ways until both sides have ended."""
        with socket.create_connection(("127.0.0.1", self.server.target)) as inside:
            back = threading.Thread(target=_pass_on, args=(inside, self.request), daemon=True)
            back.start()
            _pass_on(self.request, inside)
            back.join()


def _pass_on(source: socket.socket, sink: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        for end in (source, sink):  # one side broke off: neither has anything more to say
            end.close()

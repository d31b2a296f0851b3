"""The way from a container to an emulator on 127.0.0.1."""

from __future__ import annotations

import ipaddress
import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from threeways.docker.relay import Relay, RelayServer


class Inside(socketserver.BaseRequestHandler):
    """Answers with the number of bytes that it got, and then with all of them."""

    def handle(self) -> None:
        got = b"".join(iter(lambda: self.request.recv(65536), b""))
        self.request.sendall(f"{len(got)}\n".encode() + got)


@contextmanager
def serving(server: socketserver.TCPServer) -> Iterator[int]:
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    with server:
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def inside() -> Iterator[int]:
    with serving(socketserver.ThreadingTCPServer(("127.0.0.1", 0), Inside)) as port:
        yield port


def standing(target: int, subnet: str) -> RelayServer:
    """A relay on 127.0.0.1 itself, for a subnet."""
    server = RelayServer(("127.0.0.1", 0), Relay)
    server.subnet, server.target = ipaddress.IPv4Network(subnet), target
    return server


def test_megabytes_go_in_and_come_out_again_and_each_end_hears_of_the_others(inside: int) -> None:
    body = bytes(range(256)) * 20_000
    with (
        serving(standing(inside, "127.0.0.0/8")) as port,
        socket.create_connection(("127.0.0.1", port), timeout=20) as client,
    ):
        client.sendall(body)
        client.shutdown(socket.SHUT_WR)
        answer = b"".join(iter(lambda: client.recv(65536), b""))
    assert answer == b"5120000\n" + body


def test_nobody_comes_through_who_is_not_of_the_subnet(inside: int) -> None:
    with (
        serving(standing(inside, "172.17.0.0/16")) as port,
        socket.create_connection(("127.0.0.1", port), timeout=20) as client,
    ):
        assert client.recv(1) == b""

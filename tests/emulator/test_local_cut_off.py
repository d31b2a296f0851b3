"""An answer that is cut off before its body is no empty answer."""

from __future__ import annotations

import socket
import threading

import pytest
from botocore.exceptions import ConnectionClosedError

from threeways.emulator.endpoint import Endpoint
from threeways.errors import LocalFailed

CUT_OFF = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.1\r\nConnection: close\r\n\r\n"


class CutOff(Endpoint):
    """Answers with the head of a response. dies: whether it is said to have ended then."""

    def __init__(self, *, dies: bool) -> None:
        super().__init__("us-east-1")
        self._dies, self._answered = dies, False
        self._socket = socket.create_server(("127.0.0.1", 0))

    def start(self, timeout: float = 60.0) -> None:
        threading.Thread(target=self._answer, daemon=True).start()

    def _answer(self) -> None:
        connection, _ = self._socket.accept()
        with connection:
            asked = b""
            while not asked.endswith(b"}"):  # all of it, else closing would reset the connection
                asked += connection.recv(65_536)
            connection.sendall(CUT_OFF)
            self._answered = True

    def close(self) -> None:
        self.close_clients()
        self._socket.close()

    @property
    def endpoint_url(self) -> str:
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def ended(self) -> str | None:
        return "the emulator ended: killed" if self._dies and self._answered else None


@pytest.mark.parametrize(("dies", "error"), [(True, LocalFailed), (False, ConnectionClosedError)])
def test_an_answer_without_its_body_is_an_error(dies: bool, error: type[Exception]) -> None:
    with CutOff(dies=dies) as emulator, pytest.raises(error):
        emulator.client("kinesis").get_records(ShardIterator="i")

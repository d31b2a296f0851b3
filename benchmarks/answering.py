"""An output stream that costs next to nothing: acknowledges PutRecord and PutRecords over HTTP.

Run as a program it listens on a free port of 127.0.0.1, prints it, and serves until it is killed. A process
of its own, so that its work is on another core than what is measured.
"""

from __future__ import annotations

import asyncio
import sys

STORED = '{"SequenceNumber":"1","ShardId":"shardId-000000000000"}'
MARK = b'"PartitionKey"'


def answer_to(body: bytes) -> bytes:
    """What Kinesis would say: all records are stored."""
    count = body.count(MARK)
    if b'"Records"' not in body:
        return STORED.encode()
    return f'{{"FailedRecordCount":0,"Records":[{",".join([STORED] * count)}]}}'.encode()


class Connection(asyncio.Protocol):
    """Requests one after the other, kept alive."""

    def __init__(self) -> None:
        self._got = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._got += data
        while True:
            head, there, rest = self._got.partition(b"\r\n\r\n")
            if not there:
                return
            length = int(head.lower().partition(b"content-length:")[2].partition(b"\r")[0] or 0)
            if len(rest) < length:
                return
            body, self._got = rest[:length], rest[length:]
            said = answer_to(body)
            self._transport.write(
                b"HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.1\r\nx-amzn-RequestId: bench\r\n"
                b"Content-Length: %d\r\n\r\n%s" % (len(said), said)
            )


async def main() -> None:
    """Serve, for ever."""
    server = await asyncio.get_running_loop().create_server(Connection, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1])
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())

"""DynamoDB and SQS as a join sees them, on 127.0.0.1: each call is answered after SECONDS, nothing is kept.

`python join_server.py SECONDS` prints its port. It is a process of its own, so that a client's CPU time is
its own; UpdateItem is answered with the item that it would make.
"""

import asyncio
import json
import sys
import zlib


def answer(target: str, asked: dict) -> dict:
    """The body of an answer."""
    if target.endswith("SendMessageBatch"):
        sent = [{"Id": one["Id"], "MessageId": "m", "MD5OfMessageBody": "0" * 32} for one in asked["Entries"]]
        return {"Successful": sent, "Failed": []}
    values, names = asked["ExpressionAttributeValues"], asked["ExpressionAttributeNames"]
    own = {name: values[f":n{short[1:]}"] for short, name in names.items() if short[1:].isdigit()}
    known = {"opened": ":o", "opened_at": ":a", "due": ":d", "expected": ":e"}
    item = {name: values[place] for name, place in known.items()}
    return {"Attributes": {"key": asked["Key"]["key"], **item, "version": {"N": "1"}, **own}}


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer a connection's calls, one after the other."""
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").splitlines()[1:-1]
            headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in head)}
            body = await reader.readexactly(int(headers["content-length"]))
            told = json.dumps(answer(headers["x-amz-target"], json.loads(body))).encode()
            await asyncio.sleep(float(sys.argv[1]))
            writer.write(
                b"HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.0\r\nx-amzn-RequestId: A\r\n"
                b"x-amz-crc32: %d\r\nContent-Length: %d\r\n\r\n" % (zlib.crc32(told), len(told)) + told
            )
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def main() -> None:
    """Serve until it is ended."""
    server = await asyncio.start_server(serve, "127.0.0.1", 0, backlog=256)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())

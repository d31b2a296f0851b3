"""An S3 at a distance: `python distant.py FOLDER SECONDS CERTIFICATE` serves a folder's files over TLS.

Like the real one it keeps connections, and answers so many seconds after it was asked; moto closes each
connection after an answer, so that a client on it pays for a new one every time. Writes the certificate that
is to be trusted, prints its port, and serves until it is killed.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import ssl
import sys
import tempfile
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import unquote, urlsplit

HOST = "127.0.0.1"
PREFIX = "model"
"""The artifact is at `s3://<any bucket>/model`."""


def answer_to(target: str, folder: Path) -> tuple[bytes, str]:
    """What S3 says to a GET, and its ETag: an object, or the listing for what names none."""
    name = unquote(urlsplit(target).path).partition(f"/{PREFIX}/")[2]
    if name:
        return (folder / name).read_bytes(), etag(folder / name)
    found = "".join(
        f"<Contents><Key>{PREFIX}/{path.relative_to(folder).as_posix()}</Key>"
        f"<Size>{path.stat().st_size}</Size><ETag>{etag(path)}</ETag></Contents>"
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    )
    listing = f"<ListBucketResult><IsTruncated>false</IsTruncated>{found}</ListBucketResult>"
    return listing.encode(), '"listing"'


def etag(path: Path) -> str:
    """Another one for another content, as far as a benchmark goes."""
    return f'"{path.stat().st_mtime_ns:x}"'


async def serve(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, folder: Path, seconds: float
) -> None:
    """One connection, kept as long as the client does."""
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            await asyncio.sleep(seconds)
            body, tag = answer_to(head.split(b" ", 2)[1].decode(), folder)
            writer.write(f"HTTP/1.1 200 OK\r\nETag: {tag}\r\nContent-Length: {len(body)}\r\n\r\n".encode())
            writer.write(body)
            await writer.drain()
    except (OSError, asyncio.IncompleteReadError):
        writer.close()  # the client has gone


def trusted(certificate: Path) -> ssl.SSLContext:
    """A context with a new key for this host, whose certificate is written there."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key, now = ec.generate_private_key(ec.SECP256R1()), dt.datetime.now(dt.UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "bench")])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(HOST))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    public = made.public_bytes(serialization.Encoding.PEM)
    certificate.write_bytes(public)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.NamedTemporaryFile() as both:
        pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
        both.write(key.private_bytes(pem, pkcs8, serialization.NoEncryption()) + public)
        both.flush()
        context.load_cert_chain(both.name)
    return context


async def main() -> None:
    """Serve, for ever."""
    folder, seconds, certificate = sys.argv[1:]
    connected = partial(serve, folder=Path(folder), seconds=float(seconds))
    server = await asyncio.start_server(connected, HOST, 0, ssl=trusted(Path(certificate)))
    print(server.sockets[0].getsockname()[1])
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())

"""A policy that is deployed as a parameter, so that another one needs no other image.

It travels as one word, gzip in base64, in the variable JOIN_POLICY of a join's functions:
`base64 -d | gunzip` shows it.
"""

from __future__ import annotations

import base64
import binascii
import gzip
import zlib
from typing import Any

from threeways.errors import SettingsError
from threeways.join.join import Join

MAX_LENGTH = 3_000
"""Of a packed policy: Lambda allows 4 KB for all variables of a function.
docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html"""
MAX_BYTES = 2**16
"""Of a policy: what unpacks to more is no policy."""


def packed(text: str) -> str:
    """Return a policy as one word; the same text is the same word. Raises SettingsError for one too long."""
    word = base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode()
    if len(word) > MAX_LENGTH or len(text.encode()) > MAX_BYTES:
        raise SettingsError(
            f"the policy has {len(text):,} characters, packed {len(word):,}, and {MAX_LENGTH:,} fit into a "
            "function's variables: shorten its comments and texts, or build it into the image"
        )
    return word


def unpacked(word: str) -> str:
    """Return the policy that a word is. Raises SettingsError where it is none."""
    try:
        reader = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
        content = reader.decompress(base64.b64decode(word, validate=True), MAX_BYTES + 1)
        if not reader.eof or reader.unused_data or len(content) > MAX_BYTES:
            raise ValueError(f"it is cut off, or over {MAX_BYTES:,} bytes")
        return content.decode()
    except (binascii.Error, zlib.error, ValueError) as error:
        raise SettingsError(
            f"JOIN_POLICY={word[:40]!r} is no packed policy ({error}): deploy it with `make deploy`, which "
            "packs the file"
        ) from None


def by_policy(join: Join[Any], word: str | None) -> Join[Any]:
    """Return the join as it decides by a packed policy, the join itself without one.

    Raises SettingsError where the policy is refused, or where the join takes none.
    """
    if not word:
        return join
    if join.of_policy is None:
        raise SettingsError(
            f"JOIN={join.name} takes no policy, and JOIN_POLICY is given: leave it out, or give the join an "
            "`of_policy`"
        )
    return join.of_policy(unpacked(word))

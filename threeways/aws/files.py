"""Find and open the files that one text names: paths, globs, `https://` and `s3://` addresses."""

from __future__ import annotations

import glob
import http.client
import io
import re
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import IO

from threeways.aws import s3_files as s3
from threeways.errors import DataError

type Say = Callable[[str], None]
"""Takes one line for the user."""

_TIMEOUT_S = 60


def locations(spec: str, variable: str, say: Say) -> list[str]:
    """Return the files that a list names, globs resolved, each once, in order.

    spec: paths, globs, `https://` or `s3://` addresses, separated by spaces or commas; one alone, and those
    between commas, may have spaces in it. Raises DataError, beginning with `variable`, where an entry names
    nothing.
    """
    entries = _entries(s3.plain(spec))
    if not entries:
        raise DataError(f"{variable} is empty; give files, or leave it out")
    found = [place for entry in entries for place in _resolved(entry, variable, say)]
    return list(dict.fromkeys(found))


def opened(location: str, variable: str) -> IO[bytes]:
    """Open a file, seekable. Raises DataError, beginning with `variable`, where they can't be had."""
    if location.startswith("s3://"):
        return s3.opened(location, variable)
    try:
        if _is_url(location):
            return _download(location)
        return Path(location).open("rb")
    except FileNotFoundError:
        raise DataError(f"{variable}: there is no file {location}; give an existing one") from None
    except IsADirectoryError:
        raise DataError(
            f"{variable}: {location} is a folder; give {location.rstrip('/')}/*.parquet"
        ) from None
    except (OSError, http.client.HTTPException, ValueError) as error:  # ValueError: no host, a wrong port
        raise DataError(f"{variable}: {location} can't be read ({error}); check it and try again") from None


def _entries(spec: str) -> list[str]:
    """Split a list at spaces and commas, unless what is between them is there as it is."""
    for parts in ([spec], spec.split(",")):
        entries = [part.strip() for part in parts if part.strip()]
        if all(map(_is_one, entries)):
            return entries
    return spec.replace(",", " ").split()


def _is_one(text: str) -> bool:
    if text.startswith("s3://"):
        return not any("://" in word or _is_there(word) for word in re.split(r"[\s,]+", text)[1:] if word)
    return _is_there(text)


def _is_there(text: str) -> bool:
    path = str(Path(text).expanduser())
    return Path(path).exists() or any(True for _ in glob.iglob(path, recursive=True))  # noqa: PTH207


def _resolved(entry: str, variable: str, say: Say) -> list[str]:
    if entry.startswith("s3://"):
        return s3.resolved(entry, variable, say)
    if _is_url(entry):
        return [entry]
    if "://" in entry:
        raise DataError(f"{variable}: {entry} is neither a path nor https:// nor s3://; give one of these")
    path = str(Path(entry).expanduser())
    if Path(path).exists() or not any(sign in path for sign in s3.WILDCARDS):
        return [path]
    # pathlib's glob takes no absolute pattern.
    matches = sorted(found for found in glob.glob(path, recursive=True) if Path(found).is_file())  # noqa: PTH207
    if not matches:
        raise DataError(f"{variable}: no file matches {entry}; check the folder and the pattern")
    return matches


def _is_url(location: str) -> bool:
    return location.startswith(("https://", "http://"))


def _download(url: str) -> io.BytesIO:
    # Some mirrors refuse urllib's own name. S310 warns of file:// and the like; `_is_url` let none through.
    request = urllib.request.Request(url, headers={"User-Agent": "threeways"})  # noqa: S310
    with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as answer:  # noqa: S310
        body: bytes = answer.read()
    return io.BytesIO(body)

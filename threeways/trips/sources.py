"""Where trip files are: a list of paths, globs and addresses in one string, opened one by one."""

from __future__ import annotations

import glob
import http.client
import io
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import IO

from threeways.errors import DataError
from threeways.trips import s3

type Say = Callable[[str], None]
"""Takes one line for the user."""

_TIMEOUT_S = 60


def locations(spec: str, variable: str, say: Say) -> list[str]:
    """The files that a list names, globs resolved, each once, in order.

    spec: paths, globs, `https://` or `s3://` addresses, separated by spaces or commas; or one path that
    has a space in it. Raises DataError, beginning with `variable`, where an entry names nothing.
    """
    if Path(spec.strip()).is_file():
        return [spec.strip()]
    entries = spec.replace(",", " ").split()
    if not entries:
        raise DataError(f"{variable} is empty; give parquet files, or leave it out for the synthetic city")
    found = [place for entry in entries for place in _resolved(entry, variable, say)]
    return list(dict.fromkeys(found))


def opened(location: str, variable: str) -> IO[bytes]:
    """The file's bytes, seekable. Raises DataError, beginning with `variable`, where they can't be had."""
    if location.startswith("s3://"):
        return s3.opened(location, variable)
    try:
        if _is_url(location):
            return _download(location)
        return Path(location).open("rb")
    except FileNotFoundError:
        raise DataError(f"{variable}: there is no file {location}; give an existing parquet file") from None
    except IsADirectoryError:
        raise DataError(
            f"{variable}: {location} is a folder; give {location.rstrip('/')}/*.parquet"
        ) from None
    except (OSError, http.client.HTTPException, ValueError) as error:  # ValueError: no host, a wrong port
        raise DataError(f"{variable}: {location} can't be read ({error}); check it and try again") from None


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

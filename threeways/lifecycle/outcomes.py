"""Read label outcomes, which the join of predictions and labels makes, as JSON lines."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from threeways.aws import s3
from threeways.errors import LocationError
from threeways.lifecycle.drift.errors import Outcomes

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

LINE_BYTES = 2**20
SLICES = 20


class LabelOutcome(msgspec.Struct, frozen=True):
    """One prediction with what really happened. revision: a later one replaces it."""

    message: str
    decision: str
    version: str | None
    predicted: float
    actual: float
    at: datetime
    revision: int = 1
    interval: tuple[float, float] | None = None
    slices: dict[str, str | int | float | bool | None] = {}


@dataclass(frozen=True)
class ReadOutcomes:
    """Outcomes of one version, or of all. others: of other versions. The rest: how many lines were so."""

    outcomes: Outcomes
    others: int = 0
    unmatched: int = 0
    unreadable: int = 0
    repeated: int = 0


def read(location: str, client: Callable[[], S3Client], version: str | None = None) -> ReadOutcomes:
    """Read the outcomes in a file, a folder or under `s3://bucket/prefix`. Raises LocationError."""
    return collected(_lines(location, client), version)


def collected(lines: Iterable[bytes], version: str | None = None) -> ReadOutcomes:
    """Return the outcomes of lines, each decision's last revision; version: only its own."""
    decode = msgspec.json.Decoder(LabelOutcome).decode
    found: dict[tuple[str, str | None], LabelOutcome] = {}
    others = unmatched = unreadable = repeated = 0
    for line in lines:
        try:
            if len(line) > LINE_BYTES:
                raise msgspec.ValidationError("too long")
            one = decode(line)
            if not 1971 <= one.at.year <= 2200:
                raise msgspec.ValidationError("its time is beyond 1971 to 2200")
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            if b'"unmatched"' in line[:200]:
                unmatched += 1
            else:
                unreadable += 1
            continue
        if one.message != "label":
            unmatched += one.message == "unmatched"
            continue
        if version is not None and one.version != version:
            others += 1
            continue
        key = one.decision, one.version
        before = found.get(key)
        repeated += before is not None
        if before is None or one.revision > before.revision:
            found[key] = one
    return ReadOutcomes(_outcomes(list(found.values())), others, unmatched, unreadable, repeated)


def _outcomes(read: list[LabelOutcome]) -> Outcomes:
    names = list(dict.fromkeys(name for one in read for name in one.slices))[:SLICES]
    at = [one.at.astimezone(UTC).replace(tzinfo=None) if one.at.tzinfo else one.at for one in read]
    return Outcomes(
        np.array(at, dtype="datetime64[us]"),
        np.array([one.predicted for one in read], dtype=np.float64),
        np.array([one.actual for one in read], dtype=np.float64),
        {name: np.array([_text(one.slices.get(name)) for one in read], dtype=object) for name in names},
    )


def _text(value: Any) -> str:
    return "missing" if value is None else f"{value:g}" if isinstance(value, float) else str(value)[:200]


def _lines(location: str, client: Callable[[], S3Client]) -> Iterator[bytes]:
    if location.startswith(s3.SCHEME):
        uri = s3.parse(location)
        if uri is None:
            raise LocationError(f"LABELS={location} is not of the form s3://bucket/prefix")
        for one in s3.objects(client(), uri.bucket, uri.prefix):
            yield from client().get_object(Bucket=uri.bucket, Key=one.key)["Body"].iter_lines()
        return
    path = Path(location).expanduser()
    files = sorted(one for one in path.rglob("*.json*") if one.is_file()) if path.is_dir() else [path]
    if not all(one.is_file() for one in files):
        raise LocationError(
            f"LABELS={location}: there is no such file or folder; name JSON lines of outcomes"
        )
    for file in files:
        with file.open("rb") as opened:
            for line in opened:
                if line.strip():
                    yield line

"""Read and check `reference.json`: untrusted like any file of an artifact, so each size in it is bounded."""

from __future__ import annotations

import hashlib
import logging
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from threeways.errors import ArtifactError, ArtifactIncomplete, ArtifactMissing

logger = logging.getLogger(__name__)

FILE = "reference.json"
FILE_BYTES = 8 * 2**20
"""Two months of days of 100 columns with 20 bins each have 500 KB."""
COLUMNS = 1_000
CATEGORIES = 300
"""The most categories that a column is counted by; what is rarer is counted as one, `other`."""
EDGES = 50
BLOCKS = 64
TEXT = 200
"""Characters of a category's text. A longer text is no category."""

type Kind = Literal["numbers", "codes", "texts", "lengths"]
type Name = Annotated[str, Meta(max_length=1_000)]
type Count = Annotated[int, Meta(ge=0, le=2**53)]
type Code = Annotated[int, Meta(ge=-(2**53), le=2**53)]


class Bins(msgspec.Struct, frozen=True, dict=True, forbid_unknown_fields=True):
    """One column: its bins, and how many of the training's values each had.

    kind: `numbers`, by their size; `codes`, whole numbers that name categories; `texts`, categories;
    `lengths`, texts of too many sorts, by their length. edges: the upper ends of the bins of a size,
    ascending; what is beyond the last has a bin of its own. means: of the values in each of these bins.
    codes, texts: the categories, most frequent first; the others share a bin. The last bin is that of missing
    values. counts: by block of time, then by bin.
    """

    name: Name
    kind: Kind
    counts: Annotated[list[list[Count]], Meta(max_length=BLOCKS)]
    edges: Annotated[list[float], Meta(max_length=EDGES)] = []
    means: Annotated[list[float], Meta(max_length=EDGES + 1)] = []
    codes: Annotated[list[Code], Meta(max_length=CATEGORIES)] = []
    texts: Annotated[list[Annotated[str, Meta(max_length=TEXT)]], Meta(max_length=CATEGORIES)] = []

    @property
    def is_category(self) -> bool:
        """Whether its bins are categories."""
        return self.kind in {"codes", "texts"}

    @property
    def width(self) -> int:
        """How many bins it has, that of missing values included."""
        return max(len(self.codes), len(self.texts), len(self.edges)) + 2  # two of them are empty

    @cached_property
    def by_block(self) -> NDArray[np.int64]:
        """The (blocks, width) counts."""
        return np.array(self.counts, dtype=np.int64).reshape(len(self.counts), self.width)

    @property
    def labels(self) -> list[str]:
        """What people call each bin."""
        if self.is_category:
            return [*map(str, self.codes or self.texts), "other", "missing"]
        if not self.edges:
            return ["any", "missing"]
        inner = [f"{low:g} to {high:g}" for low, high in zip(self.edges, self.edges[1:], strict=False)]
        what = " characters" if self.kind == "lengths" else ""
        sized = [f"up to {self.edges[0]:g}", *inner, f"over {self.edges[-1]:g}"]
        return [*(f"{one}{what}" for one in sized), "missing"]


class Errors(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The errors of a model's predictions, predicted minus actual, by block of time."""

    rows: Annotated[list[Count], Meta(max_length=BLOCKS)]
    sums: Annotated[list[float], Meta(max_length=BLOCKS)]
    squares: Annotated[list[float], Meta(max_length=BLOCKS)]


class Reference(msgspec.Struct, frozen=True, dict=True, forbid_unknown_fields=True):
    """What a model was trained on.

    task: whose. rows: how many. source: their name. block_days: how long a block of time is; 0: the rows had
    no time, and a block is a run of them. first: the first block's date. features, predictions: by column.
    errors: on rows that it was not trained on; trained: on those that it was; None where there is no number.
    """

    format: Literal[1]
    task: Name
    rows: Count
    source: Name
    block_days: Annotated[int, Meta(ge=0, le=10_000)]
    first: Annotated[str, Meta(max_length=40)] | None
    features: Annotated[list[Bins], Meta(max_length=COLUMNS)]
    predictions: Annotated[list[Bins], Meta(max_length=COLUMNS)] = []
    errors: Errors | None = None
    trained: Errors | None = None

    @property
    def columns(self) -> list[Bins]:
        """All columns: features, then predictions."""
        return [*self.features, *self.predictions]

    @cached_property
    def bins_id(self) -> str:
        """Tell these bins from others: counts in other bins cannot be compared."""
        told = [(one.name, one.kind, one.edges, one.codes, one.texts) for one in self.columns]
        return hashlib.sha256(msgspec.json.encode([len(self.features), told])).hexdigest()[:16]


def encode(reference: Reference) -> bytes:
    """Return it as the file has it."""
    return msgspec.json.encode(reference)


def parse(text: bytes, where: str) -> Reference:
    """Parse and check a reference. Raises ArtifactIncomplete."""
    if len(text) > FILE_BYTES:
        raise _broken(where, f"it has over {FILE_BYTES} bytes")
    try:
        found = msgspec.json.decode(text, type=Reference)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _broken(where, str(error)) from None
    if (why := _fault(found)) is not None:
        raise _broken(where, why)
    return found


def read(folder: Path) -> Reference:
    """Read an artifact's reference. Raises ArtifactMissing: it has none; ArtifactIncomplete: a broken one."""
    path = folder / FILE
    try:
        if not path.is_file():  # a pipe or a device could be read for ever
            raise FileNotFoundError("no such file")
        with path.open("rb") as file:
            text = file.read(FILE_BYTES + 1)
    except OSError as error:
        raise ArtifactMissing(
            f"{folder} has no {FILE}, what it was trained on ({error}); `make train` writes one, and "
            "`threeways export` and `threeways import` do where they get 200 rows or more"
        ) from None
    return parse(text, str(path))


def read_or_none(folder: Path) -> Reference | None:
    """Read an artifact's reference; where that cannot be, say so in the log: scoring goes on without."""
    try:
        return read(folder)
    except ArtifactError as error:
        logger.warning("nothing is counted of this model: %s", error)
        return None


def _broken(where: str, why: str) -> ArtifactIncomplete:
    return ArtifactIncomplete(
        f"{where} cannot be used: {why}; train or export the model again, or take that file away"
    )


def _fault(reference: Reference) -> str | None:
    """Return in words what of a reference is inconsistent."""
    blocks = {len(one.counts) for one in reference.columns}
    if len(blocks) > 1 or blocks == {0}:
        return "its columns have different blocks, or none"
    for kept in (reference.features, reference.predictions):
        names = [one.name for one in kept]
        if len(set(names)) < len(names):
            return "two of its columns have one name"
    for one in reference.columns:
        if (why := _fault_of(one)) is not None:
            return f"its column {one.name!r:.100} {why}"
    for errors in (reference.errors, reference.trained):
        if errors is None:
            continue
        lengths = {len(errors.rows), len(errors.sums), len(errors.squares)}
        if len(lengths) > 1 or not np.isfinite([*errors.sums, *errors.squares]).all():
            return "its errors have different lengths, or are no numbers"
    return None


def _fault_of(one: Bins) -> str | None:
    if any(len(block) != one.width for block in one.counts):
        return "has counts for more or fewer bins than it has"
    kept: list[Any]
    if one.is_category:
        kept, others = (one.codes, one.texts) if one.kind == "codes" else (one.texts, one.codes)
        if others or one.edges:
            return "has categories of two kinds"
        return "has a category twice" if len(set(kept)) < len(kept) else None
    if one.codes or one.texts:
        return "has both edges and categories"
    edges = np.array(one.edges)
    if not np.isfinite(edges).all() or (np.diff(edges) <= 0).any():
        return "has edges that do not ascend"
    if len(one.means) != len(one.edges) + 1 or not np.isfinite(one.means).all():
        return "has not one mean a bin"
    return None

"""What a training learns from and is judged on: generated uploads, titles with ratings, or comments.

A file is known by its columns. The labels of titles are weak: a rating is about the whole work, not about its
texts, and a genre stands for violence (`VIOLENT`).
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from threeways.artifact.inputs import Table
from threeways.aws.files import Say, locations, opened
from threeways.errors import DataError
from threeways.scoring.task import Task
from threeways.systems.moderation.generator import LabelledUpload, uploads
from threeways.systems.moderation.texts import texts_of
from threeways.systems.moderation.uploads import MAX_TEXT, Upload
from threeways.training.examples import Examples

if TYPE_CHECKING:
    import pandas as pd

GENERATED_TRAINING, GENERATED_VALIDATION = (6_000, 1), (3_000, 2)
"""Uploads and seed of the generator's two sets; `make run` sends those of another seed."""
RATINGS = {
    **dict.fromkeys(("TV-MA", "R", "NC-17"), 1.0),
    **dict.fromkeys(("TV-14", "PG-13"), 1 / 3),
    **dict.fromkeys(("TV-PG", "PG"), 1 / 6),
    **dict.fromkeys(("TV-Y", "TV-Y7", "TV-Y7-FV", "TV-G", "G"), 0.0),
}
"""How mature a title is by its rating: 1 is for adults only, and what is for teenagers is nearer to that than
what is for children. NR and UR say that nobody rated it."""
VIOLENT = frozenset(
    {
        "Action & Adventure", "Crime TV Shows", "Horror Movies", "Thrillers", "TV Action & Adventure",
        "TV Horror", "TV Thrillers",
    }
)  # fmt: skip
"""The genres whose titles count as violent; dramas, mysteries and classics may be, and mostly are not."""
MOST_EVENTS = 200
"""The rows of which a golden set may be made."""
_HELD_OUT = 0.2
_SEED = 0
_TITLES = (
    "show_id", "title", "director", "cast", "country", "date_added", "rating", "listed_in", "description",
)  # fmt: skip
_COMMENTS = ("text", "is_toxic")


@dataclass(frozen=True, slots=True)
class Source:
    """A file, or a set of generated uploads. dated: its rows have a time, and are in its order."""

    name: str
    rows: int
    sha256: str
    dated: bool = False
    generated: bool = False


@dataclass(frozen=True, slots=True)
class Labelled:
    """n uploads of one source in order, and for each how much it is of the category.

    degrees: (n,) 1 where it is of it, else less. raw, dropped: as in `Examples`. at: (n,) when they came;
    None where that is unknown.
    """

    source: Source
    uploads: list[Upload]
    degrees: NDArray[np.float64]
    raw: int
    dropped: dict[str, int]
    at: NDArray[np.datetime64] | None = None

    def part(self, chosen: NDArray[np.bool_] | None = None) -> Examples[Table]:
        """Return all of them, or the chosen ones, as examples."""
        rows = np.arange(len(self.uploads)) if chosen is None else np.flatnonzero(chosen)
        if not len(rows):
            raise DataError(f"DATA: {self.source.name} has no usable row; give other data")
        table = texts_of([self.uploads[row] for row in rows])
        raw = self.raw if chosen is None else len(rows)
        dropped = self.dropped if chosen is None else {}
        return Examples(self.source.name, (self.source,), table, self.degrees[rows], raw, dropped)


def load(
    task: Task[Any], data: str | None, validation: str | None, say: Say
) -> tuple[Examples[Table], Examples[Table]]:
    """Return the training set and the validation set.

    Without data they are generated uploads. Without validation the newest fifth of the data is held out, by
    the day on which a title was added; of rows without a date some fifth. Raises DataError.
    """
    if data is None:
        if validation is not None:
            raise DataError("VALIDATION is given without DATA; give both, or neither for generated uploads")
        say("data: generated uploads; give DATA=titles.csv for real ones")
        return _generated(task, *GENERATED_TRAINING).part(), _generated(task, *GENERATED_VALIDATION).part()
    learnt = _read(task, data, "DATA", say)
    if validation is not None:
        return learnt.part(), _read(task, validation, "VALIDATION", say).part()
    newest = _newest(learnt)
    by = (
        "by the day on which they were added" if learnt.at is not None else "at random: its rows have no date"
    )
    say(f"validation: a fifth of the data is held out, {by}; VALIDATION= names other data")
    return learnt.part(~newest), learnt.part(newest)


def sample(task: Task[Any], data: str | None, say: Say) -> Examples[Table]:
    """Return one set, all of it. Raises DataError."""
    if data is None:
        return _generated(task, *GENERATED_VALIDATION).part()
    return _read(task, data, "EVENTS", say).part()


def events(examples: Examples[Table]) -> list[Upload]:
    """Return some rows of a set as uploads, evenly; a title that is too long for one is left out."""
    step = max(1, len(examples.target) // MOST_EVENTS)
    texts, tags, countries = (examples.block.columns[name][::step] for name in ("text", "tags", "country"))
    found = zip(texts.tolist(), tags.tolist(), countries.tolist(), strict=True)
    return [
        Upload(at, "golden", title=text, tags=tuple(named.split()), country=",".join(places.split()))
        for at, (text, named, places) in enumerate(found, 1)
        if len(text) <= MAX_TEXT
    ][:MOST_EVENTS]


def _generated(task: Task[Any], count: int, seed: int) -> Labelled:
    made = uploads(count, seed)
    name = f"generated uploads, seed {seed}"
    source = Source(name, count, _digest_of(made), generated=True)
    degrees = np.array([task.name in one.truth for one in made], dtype=np.float64)
    return Labelled(source, [one.upload for one in made], degrees, count, {})


def _digest_of(made: list[LabelledUpload]) -> str:
    lines = (msgspec.json.encode((one.upload, sorted(one.truth))) for one in made)
    return hashlib.sha256(b"\n".join(lines)).hexdigest()


def _newest(labelled: Labelled) -> NDArray[np.bool_]:
    """Tell which rows are held out: of the newest fifth, those of a day all; in any order without days."""
    count = len(labelled.uploads)
    if labelled.at is None:
        chosen = np.zeros(count, np.bool_)
        chosen[np.random.default_rng(_SEED).permutation(count)[: round(count * _HELD_OUT)]] = True
        return chosen
    moment = np.sort(labelled.at)[min(count - 1, int(np.ceil(count * (1 - _HELD_OUT))))]
    newest: NDArray[np.bool_] = labelled.at >= moment
    return newest


def _read(task: Task[Any], spec: str, variable: str, say: Say) -> Labelled:
    """Read one file, as what its columns say that it is. Raises DataError."""
    import pandas as pd

    places = locations(spec, variable, say)
    if len(places) > 1:
        raise DataError(f"{variable}: {len(places)} files are named; give one")
    with opened(places[0], variable) as file:
        content = file.read()
    try:
        frame = pd.read_csv(io.BytesIO(content), dtype=str, keep_default_na=False)
    except (ValueError, UnicodeDecodeError) as error:
        raise DataError(f"{variable}: {places[0]} is no CSV file ({error}); give one") from error
    kinds: dict[tuple[str, ...], Callable[..., Labelled]] = {_TITLES: _titles, _COMMENTS: _comments}
    for columns, made in kinds.items():
        if set(columns) <= set(frame.columns):
            source = Source(
                places[0], len(frame), hashlib.sha256(content).hexdigest(), dated=columns is _TITLES
            )
            return made(task, source, frame, variable)
    raise DataError(
        f"{variable}: {places[0]} has the columns {', '.join(map(str, frame.columns[:12]))}; give a file "
        "with " + " or with ".join(", ".join(columns) for columns in kinds)
    )


def _titles(task: Task[Any], source: Source, frame: pd.DataFrame, variable: str) -> Labelled:
    """Return titles of a catalogue with maturity ratings and genres, the oldest first.

    A title whose row is shifted has no rating (a duration stands there) and is left out, as is one that
    nobody rated. The tags of nsfw are the genres, and the names of director and cast, as an uploader would
    give them. Those of violence are none, for the genre is what tells it; nor has it a country.
    """
    import pandas as pd

    if task.name not in ("nsfw", "violence"):
        raise DataError(
            f"{variable}: {source.name} tells no {task.name}; it is for TASK=nsfw and TASK=violence"
        )
    days = pd.to_datetime(frame["date_added"].str.strip(), errors="coerce", format="mixed")
    rating = frame["rating"].str.strip()
    degree = rating.map(RATINGS)
    dropped = {"no day on which it was added": int(days.isna().sum())}
    kept = days.notna()
    if task.name == "nsfw":
        dropped["not rated, or its columns are shifted"] = int((kept & degree.isna()).sum())
        kept &= degree.notna()
    frame = frame.assign(day=days, degree=degree)[kept].sort_values("day", kind="stable")
    genres = [_listed(text) for text in frame["listed_in"]]
    if task.name == "nsfw":
        degrees, countries = frame["degree"].to_numpy(np.float64), frame["country"].tolist()
        people = zip(frame["director"], frame["cast"], strict=True)
        tags = [
            (*one, *_listed(director), *_listed(cast))[:100]
            for one, (director, cast) in zip(genres, people, strict=True)
        ]
    else:
        degrees = np.array([not VIOLENT.isdisjoint(one) for one in genres], dtype=np.float64)
        tags, countries = [()] * len(frame), [""] * len(frame)
    made = [
        Upload(name, "titles", title, description, tag, country)
        for name, title, description, tag, country in zip(
            frame["show_id"], frame["title"], frame["description"], tags, countries, strict=True
        )
    ]
    at = frame["day"].to_numpy("datetime64[D]")
    return Labelled(source, made, degrees, source.rows, dropped, at)


def _listed(text: str) -> tuple[str, ...]:
    """Return the names in a list, without what is too long for a tag."""
    return tuple(one.strip()[:100] for one in text.split(",") if one.strip())


def _comments(task: Task[Any], source: Source, frame: pd.DataFrame, variable: str) -> Labelled:
    """Return comments with a label, each the transcript of an upload of its own; equal ones once."""
    if task.name != "toxicity":
        raise DataError(f"{variable}: {source.name} tells no {task.name}; it is for TASK=toxicity")
    label = frame["is_toxic"].str.strip().str.lower()
    known = label.isin(["toxic", "not toxic", "1", "0", "true", "false"])
    again = frame["text"].duplicated()
    kept = known & ~again
    texts = frame["text"][kept].tolist()
    made = [Upload(row + 1, "comments", "", transcript=text) for row, text in enumerate(texts)]
    degrees = label[kept].isin(["toxic", "1", "true"]).to_numpy().astype(np.float64)
    order = np.random.default_rng(_SEED).permutation(len(made))
    dropped = {"no label": int((~known).sum()), "the same text again": int((known & again).sum())}
    return Labelled(source, [made[row] for row in order], degrees[order], source.rows, dropped)

"""What the consumers that read an upload's texts share: a further one is its category's name.

Each tells whether an upload is of one category, with a probability, and the words that moved it. The features
are texts for a `ColumnTransformer`; training, the stream, the web and the batch job all get them from
`texts_of`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import combinations
from typing import Any

import numpy as np

from threeways.artifact.inputs import Table
from threeways.scoring.classes import Classes
from threeways.scoring.task import Features, Task
from threeways.systems.moderation.uploads import Upload, example

OTHERWISE = "ok"
"""The label of an upload that is not of the category."""
COLUMNS = ("text", "tags", "country", "combinations")
TERMS = 6
"""How many of the words that moved a verdict are told with it."""
_COMBINED = 3
"""So many of an upload's tags are combined with each other and with its countries: the first ones."""


def text_task(category: str) -> Task[Upload]:
    """Return the task that tells whether an upload is of a category: its labels are that name, and `ok`."""
    return Task(
        name=category,
        model_name=category,
        event=Upload,
        id="upload_id",
        example=example,
        columns=COLUMNS,
        features=_features,
        output=Classes(),
        mixed=True,
        because=TERMS,
        producer="threeways.systems.moderation.producer",
        training="threeways.systems.moderation.training",
    )


def texts_of(uploads: Sequence[Upload]) -> Table:
    """Return the columns of n uploads: the one place where features are computed.

    text: title, description and transcript, so that a word weighs the same wherever it is said. tags,
    country: one token each. combinations: a token for two tags, and for a tag and a country, in their order.
    """
    rows: list[tuple[str, ...]] = []
    for upload in uploads:
        tags = sorted(_tokens(upload.tags))
        countries = _tokens(upload.country.split(","))
        text = "\n".join(part for part in (upload.title, upload.description, upload.transcript) if part)
        rows.append((text, " ".join(tags), " ".join(countries), _combined(_tokens(upload.tags), countries)))
    return Table({name: _texts([row[at] for row in rows]) for at, name in enumerate(COLUMNS)})


def _features(uploads: Sequence[Upload], arrived: Sequence[datetime]) -> Features[Any]:  # noqa: ARG001
    return Features(texts_of(uploads), [()] * len(uploads))


def _tokens(names: Sequence[str]) -> list[str]:
    """Return names as one token each, each name once: `stand-up_comedy`."""
    made = ("_".join(name.split()).lower() for name in names)
    return list(dict.fromkeys(one for one in made if one))


def _combined(tags: Sequence[str], countries: Sequence[str]) -> str:
    few = sorted(tags[:_COMBINED])
    places = countries[:_COMBINED] or ["nowhere"]
    return " ".join(
        [f"{one}&{other}" for one, other in combinations(few, 2)]
        + [f"{tag}&{place}" for tag in few for place in places]
    )


def _texts(values: Sequence[str]) -> np.ndarray[Any, Any]:
    made = np.empty(len(values), dtype=object)
    made[:] = values
    return made

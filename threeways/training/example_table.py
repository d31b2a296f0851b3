"""Example rows of a model without a signature: a file's columns as the model was fitted on them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from threeways.artifact.sklearn.input_kind import input_kind, vocabulary
from threeways.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

_MOST = 10_000
"""How many rows are used: a signature needs to see each column's type and whether it may be missing."""


def read(file: Path) -> pd.DataFrame:
    """Return the rows of a parquet, JSON lines or CSV file, by how it begins. Raises DataError."""
    import pandas as pd

    try:
        with file.open("rb") as opened:
            head = opened.read(4096).removeprefix(b"\xef\xbb\xbf").lstrip()
        if head.startswith(b"PAR1"):
            frame = pd.read_parquet(file)
        elif head.startswith(b"{"):
            frame = pd.read_json(file, lines=True, convert_dates=False, dtype=False)
        else:
            frame = pd.read_csv(file)
    except OSError as error:
        raise DataError(
            f"--examples {file} cannot be read ({error.strerror or error}); name a file"
        ) from error
    except Exception as error:  # pandas and Arrow raise errors of many kinds on a file's content
        reason = " ".join(str(error).split())[:200]
        raise DataError(
            f"--examples {file} is no parquet, JSON lines or CSV file ({reason}); convert it"
        ) from error
    if frame.empty:
        raise DataError(f"--examples {file} has no rows; give rows of what the model was trained on")
    return frame.head(_MOST).rename(columns=str).reset_index(drop=True)


def features_of(frame: pd.DataFrame, estimator: Any, event_id: str | None) -> pd.DataFrame:
    """Return the columns that the model takes, in its order and with its types. Raises DataError.

    event_id: a column that is the events' id, and is none of the model's unless it was fitted on it.
    """
    if input_kind(estimator) == "dicts":
        return _of_dicts(frame, vocabulary(estimator), event_id)
    named = getattr(estimator, "feature_names_in_", None)
    if named is not None:
        return frame[_all_of(frame, [str(one) for one in named])]
    found = frame.drop(columns=[event_id], errors="ignore") if event_id else frame
    if input_kind(estimator) == "texts":
        texts = [name for name in found if found[name].map(lambda one: isinstance(one, str)).all()]
        if len(texts) != 1:
            raise DataError(
                f"--examples has {len(texts)} columns of texts, and the model takes one text a row; leave "
                f"the one that it was fitted on (it has {', '.join(map(str, found))})"
            )
        return found[texts]
    width = getattr(estimator, "n_features_in_", None)
    if width is not None and width != len(found.columns):
        raise DataError(
            f"--examples has {len(found.columns)} columns ({', '.join(map(str, found))}), and the model was "
            f"fitted on {width} without names; leave those {width}, in their order"
        )
    return found


def _of_dicts(
    frame: pd.DataFrame, kinds: dict[str, frozenset[type]] | None, event_id: str | None
) -> pd.DataFrame:
    """Return the keys that a DictVectorizer was fitted on, texts as texts and numbers as floats."""
    if kinds is None:  # hashing: any key is one
        return frame.drop(columns=[event_id], errors="ignore") if event_id else frame
    _all_of(frame, sorted(kinds))
    found = frame[[name for name in frame if name in kinds]]
    made = found.copy()
    for name, kind in kinds.items():
        column = found[name]
        if kind == {str}:
            texts = [
                str(int(one)) if isinstance(one, float) and one.is_integer() else str(one) for one in column
            ]
            made[name] = column.astype(object).mask(column.notna(), texts) if column.isna().any() else texts
        elif kind == {float}:
            try:
                made[name] = column.astype(float)
            except (TypeError, ValueError) as error:
                raise DataError(
                    f"--examples has {name} as texts, and the model was fitted on numbers of it ({error}); "
                    "give rows of what it was trained on"
                ) from error
    return made


def _all_of(frame: pd.DataFrame, names: list[str]) -> list[str]:
    """Return the names. Raises DataError where the frame lacks one."""
    lacking = [name for name in names if name not in frame]
    if lacking:
        raise DataError(
            f"--examples has no column {', '.join(lacking)}, which the model was fitted on (it has "
            f"{', '.join(map(str, frame))}); give rows of what it was trained on"
        )
    return names

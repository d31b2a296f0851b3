"""Pickle and cloudpickle: code, in the end, and read only where the artifact was pinned."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

from threeways.artifact.pin import digest
from threeways.artifact.versions import requires_same_minor
from threeways.errors import ArtifactIncomplete, ArtifactUnsupported, ArtifactUntrusted

FORMATS = frozenset({"pickle", "cloudpickle"})


def refuse(folder: Path, serialization_format: str) -> None:
    """Raises ArtifactUntrusted: this artifact was not pinned. Nothing in it is read but for its digest."""
    raise ArtifactUntrusted(
        f"{folder} is a {serialization_format}, and loading one runs whatever code is in it; log the model "
        f"with serialization_format='skops', or, if you trust who made this very artifact as you trust "
        f"your own code, pin it: MODEL_SHA256={digest(folder)}"
    )


def load(content: bytes, path: Path) -> Any:
    """What the pickle makes, by running it: the caller has verified these very bytes.

    path: where they were read, for messages. Raises ArtifactIncomplete, ArtifactMismatch, or
    ArtifactUnsupported naming a module that is missing.
    """
    if not content.endswith(pickle.STOP):
        raise ArtifactIncomplete(f"{path} is cut short: it is no whole pickle; upload it again")
    with requires_same_minor(path):
        return _unpickled(content, path)


def _unpickled(content: bytes, path: Path) -> Any:
    try:
        return pickle.loads(content)  # noqa: S301  (only after its digest was verified)
    except ModuleNotFoundError as error:
        raise ArtifactUnsupported(
            f"{path} needs the module {error.name}, which is not installed here; "
            f"add it to the image, or log a model made of scikit-learn's own parts"
        ) from error
    except (AttributeError, ImportError) as error:
        raise ArtifactUnsupported(
            f"{path} needs something that is not here: {error}; "
            f"put the code that it was logged from into the image"
        ) from error
    except Exception as error:
        raise ArtifactIncomplete(f"{path} cannot be unpickled: {error!r}; log and upload it again") from error

"""Load a model that is only a pickle, as a notebook leaves it, on a digest that a person gives."""

from __future__ import annotations

import hashlib
import io
import re
from pathlib import Path
from typing import Any

from threeways.artifact.sklearn.versions import requires_same_minor
from threeways.errors import (
    ArtifactIncomplete,
    ArtifactMismatch,
    ArtifactMissing,
    ArtifactUnsupported,
    ArtifactUntrusted,
)


def load(file: Path, sha256: str | None) -> Any:
    """Return the estimator of a pickle or a joblib file; of a tuple or list of steps, their Pipeline.

    sha256: the file's own, which a person vouches for. Without it the file is not loaded, and only hashed.
    Raises ArtifactMissing, ArtifactUntrusted, ArtifactMismatch, ArtifactIncomplete or ArtifactUnsupported.
    """
    try:
        content = file.read_bytes()
    except OSError as error:
        raise ArtifactMissing(f"{file} cannot be read ({error.strerror}); name the model's file") from error
    _require_pinned(file, hashlib.sha256(content).hexdigest(), sha256)
    return _estimator(_unpickled(content, file), file)


def digest_of(file: Path) -> str:
    """Return the SHA-256 of a file. Raises ArtifactMissing."""
    try:
        with file.open("rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest()
    except OSError as error:
        raise ArtifactMissing(f"{file} cannot be read ({error.strerror}); name the model's file") from error


def _require_pinned(file: Path, found: str, sha256: str | None) -> None:
    if sha256 is None:
        raise ArtifactUntrusted(
            f"{file} is a pickle, and loading one runs whatever code is in it; if you trust who made this "
            f"very file as you trust your own code, say so with its digest: --sha256={found}"
        )
    wanted = sha256.strip().lower()
    if not re.fullmatch("[0-9a-f]{64}", wanted):
        raise ArtifactMismatch(f"--sha256 {sha256!r} is no SHA-256 digest; give its 64 hexadecimal digits")
    if found != wanted:
        raise ArtifactMismatch(
            f"{file} is not the file that was pinned: its digest is {found}, and --sha256 is {wanted}; if "
            "this file is the one you mean, give its digest"
        )


def _unpickled(content: bytes, file: Path) -> Any:
    """Unpickle verified bytes: joblib reads its own files, compressed ones, and pickles."""
    import joblib

    with requires_same_minor(file):
        try:
            return joblib.load(io.BytesIO(content))
        except ModuleNotFoundError as error:
            raise ArtifactUnsupported(
                f"{file} needs the module {error.name}, which is not installed here; install it, or start "
                "where it is"
            ) from error
        except AttributeError as error:
            raise ArtifactUnsupported(
                f"{file} needs something that is not here: {error}; put it into a module of its own, import "
                "it from there, and pickle the model again"
            ) from error
        except (Exception, SystemExit) as error:
            why = " ".join(repr(error).split())[:300]
            raise ArtifactIncomplete(
                f"{file} is no whole pickle, or one of other library versions ({why}); "
                "pickle the model again with the versions that are installed here"
            ) from error


def _estimator(found: Any, file: Path) -> Any:
    """Return what predicts: the object itself, or the Pipeline of a tuple's steps."""
    from sklearn.base import BaseEstimator
    from sklearn.pipeline import make_pipeline

    if isinstance(found, tuple | list) and found:
        steps = list(found)
        if len(steps) == 2 and not callable(getattr(steps[1], "predict", None)):
            steps.reverse()  # (model, vectorizer)
        before = [callable(getattr(one, "transform", None)) for one in steps[:-1]]
        if all(before) and callable(getattr(steps[-1], "predict", None)):
            return make_pipeline(*steps) if len(steps) > 1 else steps[0]
        raise ArtifactUnsupported(
            f"{file} holds {_kinds(found)}, which are no steps of a pipeline, transformers and then a model; "
            "pickle make_pipeline(vectorizer, model)"
        )
    if isinstance(found, BaseEstimator) and callable(getattr(found, "predict", None)):
        return found
    if isinstance(found, dict):
        said = f"a dict with {', '.join(map(str, found))}" if found else "an empty dict"
    else:
        said = _kinds([found])
    raise ArtifactUnsupported(
        f"{file} holds {said:.200}, which is no scikit-learn model; pickle the pipeline itself, as "
        "make_pipeline(vectorizer, model)"
    )


def _kinds(found: Any) -> str:
    return ", ".join(type(one).__name__ for one in found)

"""From an artifact's folder to a model that may be called: every refusal comes before the first ride."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from threeways.artifact import kind, mlmodel, pickles, pin, signature, skops_format, structure, versions
from threeways.artifact.model import Model
from threeways.errors import ArtifactUnreachable, ArtifactUnsupported


def load(folder: Path, sha256: str | None = None) -> Model:
    """The model in an artifact's folder, verified.

    sha256: the artifact's digest as `digest` gives it. It is checked first, whatever the format, and without
    it no pickle is read. Every failure is an ArtifactError that says what to do: Missing (no MLmodel),
    Incomplete (a file it names is missing or damaged), Mismatch (another digest or scikit-learn), Unsupported
    (flavour, format, a module not installed), Untrusted (it could run code or read outside its memory).
    """
    hashes = None if sha256 is None else pin.verify(folder, sha256)
    info = mlmodel.read(folder, hashes)
    mlmodel.require_served(info, str(folder / mlmodel.NAME))
    mlmodel.require_files(info, folder)
    versions.require_same_minor(info.sklearn.sklearn_version, folder)
    estimator = _estimator(folder, info, hashes)
    if not callable(getattr(estimator, "predict", None)):
        raise ArtifactUnsupported(
            f"{folder} holds a {type(estimator).__name__}, which cannot predict; log a model"
        )
    return _described(estimator, info)


def _estimator(folder: Path, info: mlmodel.MLmodel, hashes: pin.Hashes | None) -> Any:
    serialization = info.sklearn.serialization_format
    if serialization not in {"skops", *pickles.FORMATS}:
        raise ArtifactUnsupported(
            f"{folder} is in the format {serialization!r}; log the model with serialization_format='skops'"
        )
    if hashes is None and serialization in pickles.FORMATS:
        pickles.refuse(folder, serialization)
    path = folder / info.sklearn.pickled_model
    try:
        content = pin.read(folder, info.sklearn.pickled_model, hashes)  # once: what was verified is loaded
    except OSError as error:
        raise ArtifactUnreachable(f"{path} cannot be read: {error}") from error
    if serialization in pickles.FORMATS:
        return pickles.load(content, path)
    estimator = skops_format.load(content, path)
    structure.check(estimator)
    return estimator


def _described(estimator: Any, info: mlmodel.MLmodel) -> Model:
    wants = kind.wants(estimator)
    named = getattr(estimator, "feature_names_in_", None)
    fitted = None if named is None else tuple(map(str, named))
    width = signature.width(info) or getattr(estimator, "n_features_in_", None)
    if wants == "block":
        kind.forget_names(estimator)
    return Model(
        estimator=estimator,
        version=info.version,
        wants=wants,
        columns=None if wants == "dicts" else info.features or signature.names(info) or fitted,
        width=None if wants == "dicts" else width,
        vocabulary=kind.vocabulary(estimator) if wants == "dicts" else None,
        info=info,
    )

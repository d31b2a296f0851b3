"""Load a verified, callable model from an artifact's folder; every refusal comes before the first event."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from threeways.artifact import answers, digests, limits, mlmodel, signature
from threeways.artifact.input_types import DOUBLE
from threeways.artifact.mlmodel import MLmodel, OnnxFlavour, SklearnFlavour
from threeways.artifact.model import Model
from threeways.artifact.onnx import loader
from threeways.artifact.prepared import Prepared
from threeways.artifact.runtime import choose
from threeways.artifact.signature import Column
from threeways.artifact.sklearn import (
    categories,
    input_kind,
    linear_dicts,
    pickles,
    positions,
    skops_format,
    structure,
    versions,
)
from threeways.artifact.sklearn.alternatives import PIN
from threeways.artifact.sklearn.code_paths import CodePaths
from threeways.artifact.sklearn.input_kind import InputKind
from threeways.artifact.tables import TableTypes
from threeways.errors import (
    ArtifactError,
    ArtifactMismatch,
    ArtifactUnreachable,
    ArtifactUnsupported,
    ArtifactUntrusted,
)
from threeways.settings import Runtime


def load(folder: Path, sha256: str | None = None, runtime: Runtime | None = None, threads: int = 1) -> Model:
    """Verify an artifact's folder and load its model.

    sha256: the artifact's digest, as computed by `digest`. It is checked first, for every format. Without it
    no pickle is loaded, and a model is first built and asked in a child process, to see that it neither
    crashes, hangs nor takes all memory (see `proof`). runtime: which runtime serves the model; None: see
    `runtime.choose`. threads: how many threads share a large block in onnxruntime; scikit-learn ignores it.
    Every failure is an ArtifactError that says how to fix it: Missing (no MLmodel), Incomplete (a file it
    names is missing or damaged), Mismatch (another digest or scikit-learn version), Unsupported (flavour,
    format, or a module that is not installed), Untrusted (it could run code, read outside its memory, or take
    all of the machine's).
    """
    hashes = None if sha256 is None else digests.verify(folder, sha256)
    try:
        found = prepared(folder, hashes, runtime, threads)
        if hashes is None:
            from threeways.artifact import proof  # what is deployed is pinned, and needs none of it

            proof.require(found, folder)
        return replace(found.build(), hashes=hashes)
    except (ArtifactError, MemoryError):
        raise
    except Exception as error:  # a backstop: the checks name what they know
        raise ArtifactUnsupported(
            f"{folder} cannot be loaded: {error!r:.500}; log the model again"
        ) from error


def prove(folder: Path, sha256: str, runtime: Runtime | None = None) -> None:
    """Load an artifact and ask it for a prediction in a child process (see `proof`), before it is pinned.

    sha256: its digest, which nobody vouched for. Raises what `load` does.
    """
    from threeways.artifact import proof

    proof.require(prepared(folder, digests.verify(folder, sha256), runtime), folder)


def prepared(
    folder: Path, hashes: digests.Hashes | None, runtime: Runtime | None, threads: int = 1
) -> Prepared:
    """Read an artifact's files and check them; what is returned builds the model. See `load`."""
    info = mlmodel.read(folder, hashes)
    mlmodel.require_served(info, str(folder / mlmodel.NAME))
    mlmodel.require_files(info, folder)
    signature.outputs(info)  # the model's page shows them
    chosen = choose(info.flavors, runtime, folder, typed=bool(signature.types(info).typed))
    if chosen == "onnx" and info.flavors.onnx:
        return _onnx(folder, info, info.flavors.onnx, hashes, threads)
    assert info.flavors.sklearn is not None  # noqa: S101  (choose() returns an available flavour)
    return _sklearn(folder, info, info.flavors.sklearn, hashes)


def _onnx(
    folder: Path, info: MLmodel, flavour: OnnxFlavour, hashes: digests.Hashes | None, threads: int
) -> Prepared:
    path, content = folder / flavour.data, _content(folder, flavour.data, hashes, limits.ONNX_BYTES)
    if flavour.gate and flavour.gate.sha256:
        digests.require(content, flavour.gate.sha256, path)
    checked = loader.check(content, path)
    loader.imported()  # a forked child has onnxruntime then

    def build() -> Model:
        columns = _columns(info, None)
        model = loader.load(content, path, threads, checked, signature.inputs(info))
        if not model.has(info.method):
            raise ArtifactUnsupported(
                f"{path} does not answer {info.method}; write it again: python -m threeways export"
            )
        kind: InputKind = "columns" if model.by_name else "block"
        return Model(
            estimator=model,
            version=info.version,
            input_kind=kind,
            columns=columns,
            width=signature.width(info) or model.n_features_in_,
            vocabulary=None,
            info=info,
            runtime="onnx",
            input_types=replace(signature.types(info), common=DOUBLE, order="C", names=columns),
            table_types=TableTypes(tuple(signature.inputs(info)) if signature.of_frame(info) else (), kind),
            answers=answers.Answers(
                info.method, model.classes is not None, model.classes, signature.output_names(info)
            ),
            categories={name: dict.fromkeys([*known, None]) for name, known in model.categories.items()},
        )

    return Prepared(build, len(content), "onnx", flavour.data, content)


def _sklearn(folder: Path, info: MLmodel, flavour: SklearnFlavour, hashes: digests.Hashes | None) -> Prepared:
    versions.require_same_minor(flavour.sklearn_version, folder)
    most = None if flavour.serialization_format in pickles.FORMATS else limits.FILE_BYTES
    if hashes is None and most is None:
        pickles.refuse(folder, flavour.serialization_format)
    content = _content(folder, flavour.pickled_model, hashes, most)
    estimator, size = _estimator(folder, info, flavour, hashes or {}, content)

    def build() -> Model:
        made = estimator()
        if not callable(getattr(made, "predict", None)):
            raise ArtifactUnsupported(
                f"{folder} holds a {type(made).__name__}, which cannot predict; log a model"
            )
        return _described(made, info, answers.of_estimator(made, info))

    return Prepared(build, size, "sklearn", flavour.pickled_model, content)


def _estimator(
    folder: Path, info: MLmodel, flavour: SklearnFlavour, hashes: digests.Hashes, content: bytes
) -> tuple[Callable[[], Any], int]:
    """Return what makes the checked estimator of a file's content, and the bytes that it is made of."""
    serialization, path = flavour.serialization_format, folder / flavour.pickled_model
    if serialization in pickles.FORMATS:
        code = CodePaths(folder, flavour.code, hashes)
        return lambda: pickles.load(content, path, code, info.python_version), len(content)
    if serialization != "skops":
        raise ArtifactUnsupported(
            f"{folder} is in the format {serialization!r}; log the model with serialization_format='skops'"
        )
    build, size = skops_format.prepared(content, path)

    def checked() -> Any:
        estimator = build()
        structure.check(estimator)
        return estimator

    return checked, size


def _content(folder: Path, name: str, hashes: digests.Hashes | None, most: int | None) -> bytes:
    """Read a file once: the bytes that are verified are those that are loaded. most: the limit on them."""
    try:
        size = (folder / name).stat().st_size
        content = b"" if most is not None and size > most else digests.read(folder, name, hashes, most)
    except OSError as error:
        raise ArtifactUnreachable(f"{folder / name} cannot be read: {error}") from error
    if most is not None and max(size, len(content)) > most:
        raise ArtifactUntrusted(
            f"{folder / name} has more than the {most} bytes that are read; train a smaller model, or {PIN}"
        )
    return content


def _described(estimator: Any, info: MLmodel, answered: answers.Answers) -> Model:
    types, frame = signature.types(info), signature.of_frame(info)
    numbers = not signature.not_numbers(info)
    kind = input_kind.input_kind(estimator, of_frame=frame, mixed=types.mixed, numbers=numbers)
    table = TableTypes(tuple(signature.inputs(info)) if frame else (), kind)
    if kind == "dicts":
        return Model(
            estimator=linear_dicts.optimized(estimator),
            version=info.version,
            input_kind=kind,
            columns=None,
            width=None,
            vocabulary=input_kind.vocabulary(estimator),
            info=info,
            table_types=table,
            answers=answered,
        )
    named = getattr(estimator, "feature_names_in_", None)
    columns = _columns(info, None if named is None else tuple(map(str, named)))
    width = signature.width(info) or getattr(estimator, "n_features_in_", None)
    known = categories.known(estimator, columns) if kind == "frame" else {}
    if kind == "block":
        input_kind.drop_feature_names(estimator)
    by_position = kind == "frame" and positions.rewrite(estimator, columns or (), _declared(info, columns))
    return Model(
        estimator=estimator,
        version=info.version,
        input_kind=kind,
        columns=columns,
        width=width,
        vocabulary=None,
        info=info,
        input_types=replace(types, frame=kind == "frame", by_position=by_position, names=columns),
        table_types=replace(table, by_position=by_position),
        answers=answered,
        categories=known,
    )


def _declared(info: MLmodel, columns: tuple[str, ...] | None) -> list[Column]:
    """Return the signature's columns; doubles, as a task's block has them, without a signature of columns."""
    declared = signature.inputs(info)
    if declared and (signature.of_frame(info) or signature.types(info).typed):
        return declared
    return [Column("double", name) for name in columns or ()]


def _columns(info: MLmodel, fitted: tuple[str, ...] | None) -> tuple[str, ...] | None:
    """Return the model's column names from its metadata, its signature or the fitted estimator.

    Raise ArtifactMismatch where two of them have the same names in a different order.
    """
    stated = [names for names in (info.features, signature.names(info), fitted) if names]
    for names in stated[1:]:
        if sorted(names) == sorted(stated[0]) and names != stated[0]:
            raise ArtifactMismatch(
                f"the model states its columns' order twice, as {', '.join(stated[0])} and as "
                f"{', '.join(names)}; log it again with the order that it was fitted on in both places"
            )
    return stated[0] if stated else None

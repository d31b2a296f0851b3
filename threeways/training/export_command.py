"""`python -m threeways export`: add the ONNX flavour to an artifact that was logged without it."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from threeways import artifact
from threeways.artifact.examples import all_rows
from threeways.artifact.reference import FILE
from threeways.errors import ArtifactUnsupported, UsageError
from threeways.scoring import golden, tasks
from threeways.scoring.golden import examples as golden_examples
from threeways.scoring.service import ModelService
from threeways.settings import DEFAULT_TASK
from threeways.training import flavour, reference
from threeways.training.export_rows import rows_of
from threeways.training.flavour import Onnx
from threeways.training.golden_set import GoldenMaker
from threeways.training.report import step

if TYPE_CHECKING:
    from rich.console import Console


def export(
    folder: Path,
    events: str | None,
    to: Path | None,
    sha256: str | None,
    console: Console,
    task_name: str | None,
) -> bool:
    """Write a copy of an artifact with an ONNX flavour beside its scikit-learn one; return whether it was.

    folder: the artifact. events: what to compare on, as DATA= of `make train`; None: the system's own.
    to: the copy's folder, by default `folder` + "-onnx"; it is created complete or not at all. sha256:
    the artifact's digest, which a pickle needs. task_name: TASK; None: the artifact's own. console: for the
    gate's result, or the reason why there is no graph. Raises ArtifactError, DataError, UsageError.
    """
    source = artifact.fetch(str(folder)).resolve()
    target = (to or source.with_name(f"{source.name}-onnx")).expanduser().resolve()
    _require_free(source, target)
    named = tasks.find(task_name) if task_name else None
    model = artifact.load(source, sha256, "sklearn")
    task = tasks.of_model(model.info, source, named, default=DEFAULT_TASK, categories=model.categories)
    artifact.check(model, task.columns, task.dict_keys, mixed=task.mixed)
    service = ModelService(model, task, model.version)
    golden.check(service, source, model.hashes)
    rows = rows_of(task, model, source, events, lambda line: console.out(line, highlight=False))
    with step(console, f"writing it as ONNX, comparing that with scikit-learn on {len(rows):,} rows"):
        onnx = flavour.onnx_of(model.estimator, rows, model.input_types, model.table_types, model.info.method)
    if isinstance(onnx, str):
        console.out(
            f"{source} cannot be served as ONNX: {onnx}. Nothing was written; scikit-learn serves it",
            highlight=False,
        )
        return False
    examples = all_rows(model.info, source, task.columns, golden.MOST)
    seeds = golden_examples.rows_as_events(service, examples)
    told = reference.of_service(service, rows, events) if events else None
    _write(source, target, onnx, told, GoldenMaker(task, seeds))
    if events and told is None:
        console.out(reference.LACKING, highlight=False)
    console.out(f"ONNX flavour: {flavour.describe(onnx.gate)}", highlight=False)
    console.out(f"written: {target}", highlight=False)
    console.out(f"MODEL_SHA256={artifact.digest(target)}", highlight=False)
    if task.from_signature:
        console.out(
            "The copy is a folder, which the registry gives no name: give MODEL_NAME= for messages that name "
            "the model as before",
            highlight=False,
        )
    return True


def _require_free(source: Path, target: Path) -> None:
    if target.exists():
        raise UsageError(f"{target} is there already; remove it, or name another folder: --to")
    if target.is_relative_to(source):
        raise UsageError(f"{target} lies within the artifact {source}; name a folder outside of it: --to")
    if not target.parent.is_dir():
        raise UsageError(f"{target.parent} is not there; make it, or name another folder: --to")


def _write(source: Path, target: Path, onnx: Onnx, told: bytes | None, maker: GoldenMaker) -> None:
    """Make the copy in a temporary sibling folder, check it by its golden set, and rename it.

    told: the reference; None: the artifact's own, if it has one. A golden set that it had is kept, as
    that tells what the model answered where it was trained.
    """
    from mlflow.models import Model

    try:
        with tempfile.TemporaryDirectory(prefix=f".{target.name}-", dir=target.parent) as scratch:
            made = Path(scratch) / target.name
            shutil.copytree(source, made)
            if told is not None:
                (made / FILE).write_bytes(told)
            described = Model.load(str(made))
            flavour.add(made, described, onnx)
            if (made / golden.NAME).exists():
                golden_examples.renew(made, [flavour.FILE])
                maker.check(made, "onnx")
            elif (why := maker.add(made, described)) is not None:
                raise ArtifactUnsupported(why)
            artifact.load(made, runtime="onnx")
            made.rename(target)
    except OSError as error:
        raise ArtifactUnsupported(
            f"{target} cannot be written: {error}; name another folder: --to"
        ) from error

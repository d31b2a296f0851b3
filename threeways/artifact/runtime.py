"""Choose the runtime that serves an artifact, by its flavours and by what is installed."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from threeways.artifact.mlmodel import Flavours
from threeways.errors import ArtifactUnsupported
from threeways.settings import Runtime

_PACKAGES: dict[Runtime, tuple[str, ...]] = {"onnx": ("onnxruntime",), "sklearn": ("sklearn", "skops")}
_MEND: dict[Runtime, str] = {
    "onnx": "install onnxruntime, or unset MODEL_RUNTIME",
    "sklearn": "use the image's target `function`, which has scikit-learn, or write the artifact a flavour "
    "that needs none: python -m threeways export",
}


def choose(flavours: Flavours, asked: Runtime | None, where: Path, *, typed: bool = False) -> Runtime:
    """Return "onnx" where the artifact has that flavour and onnxruntime is installed, else "sklearn".

    An ONNX flavour beside a scikit-learn one is used only if it passed the exactness gate, whose result is
    recorded in the flavour with the graph's SHA-256. asked: MODEL_RUNTIME, which takes precedence. typed:
    whether the signature has columns of types other than float64; then the gate must have tested rows of
    those types.
    Raises ArtifactUnsupported where the flavour is missing or its runtime is not installed.
    """
    onnx = flavours.onnx
    gate = onnx.gate if onnx else None
    passed = gate is not None and gate.sha256 is not None and (gate.typed or not typed)
    has: dict[Runtime, bool] = {
        "onnx": onnx is not None and (passed or flavours.sklearn is None),
        "sklearn": flavours.sklearn is not None,
    }
    if asked is not None:
        if not has[asked]:
            raise ArtifactUnsupported(
                f"MODEL_RUNTIME={asked}, and {where} has no {asked} flavour"
                f"{' that passed the exactness gate, which records its SHA-256' if onnx else ''}; unset "
                f"MODEL_RUNTIME, or write the flavour: python -m threeways export"
            )
        if not _installed(asked):
            raise _lacks(asked, where)
        return asked
    able: list[Runtime] = [runtime for runtime, there in has.items() if there and _installed(runtime)]
    if not able:
        raise _lacks("sklearn" if has["sklearn"] else "onnx", where)
    return able[0]


def _installed(runtime: Runtime) -> bool:
    return all(find_spec(package) for package in _PACKAGES[runtime])


def _lacks(runtime: Runtime, where: Path) -> ArtifactUnsupported:
    missing = ", ".join(package for package in _PACKAGES[runtime] if not find_spec(package))
    return ArtifactUnsupported(
        f"{where} is to be served by {runtime}, and {missing} is not installed here; {_MEND[runtime]}"
    )

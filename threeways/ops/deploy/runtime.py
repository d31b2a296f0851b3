"""What serves the deployed model, and which target of the Dockerfile that takes."""

from __future__ import annotations

from collections.abc import Mapping

from threeways.ops.deploy.model import Chosen
from threeways.settings import Runtime

PARAMETER = "ModelRuntime"
FAST, FUNCTION = "fast", "function"
"""The Dockerfile's targets: without scikit-learn, and with it."""
_ASKED: Mapping[str, Runtime | None] = {"": None, "onnx": "onnx", "sklearn": "sklearn"}


def asked(given: Mapping[str, str]) -> Runtime | None:
    """Return what the user wants the model to be served by; None where the model is to decide."""
    return _ASKED[given.get(PARAMETER, "")]


def settled(given: Mapping[str, str], chosen: Chosen) -> str:
    """Return the parameter's value: as given, else `onnx` where the model was checked with that, else "".

    So another model decides anew, and one without that flavour is never deployed into an image that cannot
    serve it. chosen: the model, checked.
    """
    return given.get(PARAMETER, "onnx" if chosen.runtime == "onnx" else "")


def target(value: str) -> str:
    """Return the Dockerfile's target for a value of the parameter."""
    return FAST if value == "onnx" else FUNCTION


def why(value: str, given: Mapping[str, str], chosen: Chosen) -> str:
    """For people: what serves the model, and why that."""
    if PARAMETER in given:
        said = f"as {PARAMETER}={value} says" if value else f"for {PARAMETER} leaves it to image and model"
        return f"{chosen.runtime}, {said}"
    if value == "onnx":
        return f"onnx, for it has that flavour ({PARAMETER}=sklearn: scikit-learn all the same)"
    return "sklearn, for it has no ONNX flavour that passed the exactness gate"

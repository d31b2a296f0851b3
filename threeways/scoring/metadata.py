"""What an artifact's signature and metadata say of its predictions: their names, types, unit and terms."""

from __future__ import annotations

from threeways.artifact import signature
from threeways.artifact.mlmodel import MLmodel
from threeways.errors import ArtifactMismatch
from threeways.scoring.outputs import Scores, Value
from threeways.scoring.task import MOST_TERMS

_OUTPUT_TYPES = {"integer": int, "long": int, "string": str, "boolean": bool}


def because_of(info: MLmodel) -> int:
    """Return how many terms the metadata says that a prediction is told with, 0 if it doesn't.

    Raises ArtifactMismatch where that is no number of terms.
    """
    told = (info.metadata or {}).get("because", 0)
    if type(told) is not int or not 0 <= told <= MOST_TERMS:
        raise ArtifactMismatch(
            f"the artifact's metadata has because={told!r}, and it is how many terms are told, 1 to "
            f"{MOST_TERMS}; log it again with such a number"
        )
    return told


def numbers_of(info: MLmodel) -> Value | Scores:
    """Return what a model that answers numbers predicts.

    A number is called as the signature or the metadata (`output`) calls it, else `value`.
    """
    told, names = info.metadata or {}, signature.output_names(info)
    outputs = signature.outputs(info)
    types = tuple(_OUTPUT_TYPES.get(str(one.type), float) for one in outputs)
    if info.method == "predict" and len(names) > 1:
        return Scores(names, types)
    tensor = outputs[0].tensor if len(outputs) == 1 else None
    if info.method == "predict" and tensor is not None and len(tensor.shape) == 2 and tensor.shape[1] > 1:
        kind = int if tensor.dtype.startswith(("int", "uint")) else float
        return Scores(tuple(f"value_{place}" for place in range(tensor.shape[1])), (kind,) * tensor.shape[1])
    name = str(told.get("output", names[0] if names else "value"))
    whole = bool(outputs) and (types[0] is int or (tensor is not None and "int" in tensor.dtype))
    return Value(name, str(told.get("unit", "")), whole=whole)

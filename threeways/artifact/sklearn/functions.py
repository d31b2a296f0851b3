"""Functions that a model calls on its input, and what they are given beside it.

A ufunc writes wherever its `out` says: given an array of the model, it would change after the checks what the
checks have seen.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NoReturn

import numpy as np

from threeways.errors import ArtifactUntrusted

_PLAIN: tuple[type, ...] = (str, bool, int, float, type(None))


def check_function_transformer(transformer: Any) -> None:
    """Ufuncs are given nothing beside the input; other functions plain values only."""
    for function, given in (("func", "kw_args"), ("inverse_func", "inv_kw_args")):
        arguments = getattr(transformer, given) or {}
        if type(arguments) is not dict:
            _refuse("FunctionTransformer", given)
        of_ufunc = isinstance(getattr(transformer, function), np.ufunc)
        if (of_ufunc and arguments) or not all(type(value) in _PLAIN for value in arguments.values()):
            _refuse("FunctionTransformer", given)


def check_partial(function: partial[Any]) -> None:
    """Its keywords are plain values or types, and it binds nothing by position."""
    if function.args:
        _refuse("partial function", "args")
    for name, value in function.keywords.items():
        values = value if type(value) is list else [value]
        if not all(type(each) in _PLAIN or isinstance(each, type | np.dtype) for each in values):
            _refuse("partial function", name)


def _refuse(what: str, which: str) -> NoReturn:
    raise ArtifactUntrusted(
        f"a {what} of the model is given {which} that could change the model as it predicts; "
        f"leave them out, or log it with serialization_format='cloudpickle' and pin MODEL_SHA256"
    )

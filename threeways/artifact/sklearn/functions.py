"""Check the functions that a model calls on its input, and their other arguments.

A ufunc writes to its `out`: given an array of the model, it would change state after that state was checked.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NoReturn

import numpy as np

from threeways.errors import ArtifactUntrusted

_PLAIN: tuple[type, ...] = (str, bool, int, float, type(None))


def check_function_transformer(transformer: Any) -> None:
    """Check that a ufunc has no further arguments, and any other function only plain values."""
    for function, given in (("func", "kw_args"), ("inverse_func", "inv_kw_args")):
        arguments = getattr(transformer, given) or {}
        if type(arguments) is not dict:
            _refuse("FunctionTransformer", given)
        of_ufunc = isinstance(getattr(transformer, function), np.ufunc)
        if (of_ufunc and arguments) or not all(type(value) in _PLAIN for value in arguments.values()):
            _refuse("FunctionTransformer", given)


def check_partial(function: partial[Any]) -> None:
    """Check that the keywords are plain values or types, and that nothing is bound by position."""
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

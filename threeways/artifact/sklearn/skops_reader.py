"""Import what builds the objects of a skops file, without the types that skops trusts by itself.

skops makes that list when it is imported: of all of scikit-learn's estimators, each of whose modules is
imported for it, which is a tenth of a cold start. It is not relied on here: each file is read with the types
that our own list allows.
"""

from __future__ import annotations

import importlib
import sys
from dataclasses import dataclass
from functools import cache
from types import ModuleType

_READER = "skops.io"


@dataclass(frozen=True, slots=True)
class Reader:
    """skops's private modules: `get_tree` and `audit_tree` are in `audit`, `LoadContext` in `utils`."""

    audit: ModuleType
    utils: ModuleType


@cache
def reader() -> Reader:
    """Return skops's modules: those that are imported already, else copies that nobody else gets.

    Whoever imports `skops.io` later in this process has it anew, with its whole list.
    """
    if _READER in sys.modules:
        return _imported()
    import skops
    from sklearn import utils

    real = utils.all_estimators
    utils.all_estimators = lambda *_, **__: []
    try:
        return _imported()
    finally:
        utils.all_estimators = real
        for name in [name for name in sys.modules if f"{name}.".startswith(f"{_READER}.")]:
            del sys.modules[name]
        vars(skops).pop("io", None)


def _imported() -> Reader:
    importlib.import_module(_READER)  # it tells `get_tree` which types there are
    return Reader(importlib.import_module(f"{_READER}._audit"), importlib.import_module(f"{_READER}._utils"))

"""The one scoring path: payloads to events, events to features, features to predictions.

The names are imported when they are first asked for: a join uses this package's decoding, and its image has
no numpy.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from threeways.artifact.inputs import Table
    from threeways.scoring.groups import Groups
    from threeways.scoring.outputs import Classes, Scores, Value
    from threeways.scoring.ranking import Ranking
    from threeways.scoring.task import Dicts, Features, Message, Task, Time, Truth

__all__ = [
    "Classes", "Dicts", "Features", "Groups", "Message", "Ranking", "Scores", "Table", "Task", "Time",
    "Truth", "Value",
]  # fmt: skip

_MODULES = {
    "Table": "threeways.artifact.inputs",
    "Groups": "threeways.scoring.groups",
    **dict.fromkeys(("Classes", "Scores", "Value"), "threeways.scoring.outputs"),
    "Ranking": "threeways.scoring.ranking",
    **dict.fromkeys(("Dicts", "Features", "Message", "Task", "Time", "Truth"), "threeways.scoring.task"),
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_MODULES[name]), name)

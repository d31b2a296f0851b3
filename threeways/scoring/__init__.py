"""The one scoring path: payloads to events, events to features, features to predictions."""

from threeways.artifact.inputs import Table
from threeways.scoring.groups import Groups
from threeways.scoring.outputs import Classes, Scores, Value
from threeways.scoring.ranking import Ranking
from threeways.scoring.task import Dicts, Features, Message, Task, Time, Truth

__all__ = [
    "Classes", "Dicts", "Features", "Groups", "Message", "Ranking", "Scores", "Table", "Task", "Time",
    "Truth", "Value",
]  # fmt: skip

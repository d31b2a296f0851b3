"""The one scoring path: payloads to events, events to features, features to predictions."""

from threeways.scoring.task import Dicts, Features, Task, Time, Truth, Value

__all__ = ["Dicts", "Features", "Task", "Time", "Truth", "Value"]

"""A join's functions as they are deployed, but patient: the emulator answers one call to its table at a time.

A call that is given up after three seconds, as on AWS, is carried out all the same there, and the next try
waits behind it: where the machine is busy, nothing else would be done after a while.
"""

from __future__ import annotations

from typing import Any

from threeways.join import functions

READ_SECONDS = 20
functions.CALLS["read_timeout"] = READ_SECONDS


def __getattr__(name: str) -> Any:
    return getattr(functions, name)

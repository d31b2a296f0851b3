"""Find a join by its short name in `threeways.systems`, or by the name of a module of the user's own."""

from __future__ import annotations

from typing import Any

from threeways.join.join import Join
from threeways.join.policies import by_policy
from threeways.scoring.finding import Finder

_FINDER: Finder[Join[Any]] = Finder("JOIN", "join", Join, "threeways.join.join.Join", lambda join: join.name)


def find(name: str, policy: str | None = None) -> Join[Any]:
    """Return the join that `JOIN` names: a short name or a module (`my_package.my_join`).

    policy: the packed one that it goes by, as JOIN_POLICY has it. The join with a short name is the `join` of
    a module within a system. Raises SettingsError: there is none, or two, or the module cannot be imported or
    holds no `Join` called `join`, or it refuses the policy.
    """
    return by_policy(_FINDER.find(name), policy)

"""Which policy a join is deployed with: this machine's own, or the one that the stack has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from threeways.errors import SettingsError, UsageError
from threeways.join.join import Join
from threeways.join.policies import by_policy, packed

POLICY = "Policy"
"""The template's parameter."""


def chosen(join: Join[Any], given: Mapping[str, str], present: Mapping[str, str]) -> tuple[Join[Any], str]:
    """Return the join with the policy that is deployed, and that packed; "" where it is the image's.

    join: as it is found here, by a policy of this machine's where one is named. given: the parameters that
    are asked for. present: those of the stack, whose policy stays unless another one is named. Raises
    UsageError, SettingsError.
    """
    own = packed(join.policy) if join.policy else ""
    if POLICY in given and given[POLICY] != own:
        if given[POLICY]:
            raise UsageError(
                f"PARAMETERS={POLICY}= takes what is packed here: leave it out and name the policy's file by "
                "the join's variable, such as MODERATION_POLICY=my-policy.toml"
            )
        raise UsageError(
            f"PARAMETERS={POLICY}= asks for the image's policy, and a file of one's own is named, too: give "
            "one of them"
        )
    if own or POLICY in given:
        return join, own
    there = present.get(POLICY, "")
    try:
        return by_policy(join, there), there
    except SettingsError as error:
        raise UsageError(
            f"the policy that the stack has is refused here: {error}; name another, such as "
            f"MODERATION_POLICY=my-policy.toml, or take the image's, PARAMETERS={POLICY}="
        ) from None


def changed(join: Join[Any], before: str, now: str) -> list[str]:
    """Return a line where the policy changes: from which rules to which."""
    return [] if before == now else [f"  change {POLICY}: {_rules(join, before)} -> {_rules(join, now)}"]


def _rules(join: Join[Any], word: str) -> str:
    if not word:
        return "the image's"
    try:
        return by_policy(join, word).rules
    except SettingsError:
        return "one that is refused here"

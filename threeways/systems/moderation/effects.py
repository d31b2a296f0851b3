"""The messages of a moderation decision: the decision, the user's notification, the order about the upload.

All that a message says is the decision's, so that it is the same at every redelivery, whatever policy is
deployed by then. An order says how an upload has to be, not what has to change: `stop` true or false. The one
of the highest revision holds; a consumer that keeps the revision with the upload's state, and takes no lower
one, ends right in whichever order they come. So an order to lift may be about an upload that was never
stopped, and changes nothing then.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from threeways.join.join import Decided, Effect
from threeways.systems.moderation import statement
from threeways.systems.moderation.verdicts import Subject, short


def effects(upload: Subject, decided: Decided) -> Iterator[Effect]:
    """Yield a decision's messages."""
    removed = decided.outcome == "remove"
    facts = decided.facts
    yield Effect(
        "decision",
        {
            "user_id": upload.user_id,
            "outcome": decided.outcome,
            "expired": decided.expired,
            "decided_at": decided.decided_at,
            "rules": decided.rules,
            "supersedes": decided.supersedes,
            "missing": decided.missing,
            "verdicts": msgspec.to_builtins(decided.verdicts),
            "facts": facts,
            "statement_of_reasons": statement.of(decided) if removed else None,
        },
    )
    yield Effect(
        "notification",
        {
            "user_id": upload.user_id,
            "title": short(upload.title),
            "outcome": decided.outcome,
            "text": facts["explanation"],
            "appeal": facts["appeal"],
        },
    )
    if removed or decided.revision > 1:
        yield Effect("stop_upload", {"stop": removed})

"""Whether the consumers whose verdicts a deployed join expects are there."""

from __future__ import annotations

from threeways.aws import errors
from threeways.errors import SettingsError, TemplateError
from threeways.join import finding
from threeways.ops.account import Client
from threeways.ops.deploy.join_plan import EVENTS_ARN, sources_of
from threeways.ops.deploy.stack import look
from threeways.ops.doctor.check import Finding

PAGE = "https://docs.aws.amazon.com/lambda/latest/api/API_ListEventSourceMappings.html"


def missing(stack: str, client: Client) -> list[Finding]:
    """Return a finding where no function that reads a join's events is called by an expected source.

    None for a stack that is no join, or whose join can't be found here. Raises TemplateError, LocationError.
    """
    there = look(stack.rpartition(":stack/")[2].partition("/")[0] or stack, client)
    if there is None or not there.is_join:
        return []
    try:
        join = finding.find(there.parameters.get("Join", ""), there.parameters.get("Policy"))
    except SettingsError:
        return []
    events = there.output(EVENTS_ARN)
    with errors.named(lambda error: TemplateError(f"who reads {events} cannot be told: {error}")):
        lacking = sorted(join.expected - sources_of(events, client))
    if not lacking:
        return []
    names = ", ".join(lacking)
    return [
        Finding(
            "W9756", "An expected consumer is not deployed", "Resources/Joiner", None,
            f"The join {join.name} expects verdicts of {names}, and no function that reads {events} is "
            "called so: each decision waits until its deadline, and is made without them.",
            "deploy them on that stream, make deploy TASK=… EVENTS_FROM=…, or take them out of the join's "
            "`expected`.",
            PAGE,
        )
    ]  # fmt: skip

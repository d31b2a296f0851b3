"""Nothing in the template names a domain: any task's events and predictions go through the same stack."""

from __future__ import annotations

import re

from transformed import TEMPLATE

OF_A_DOMAIN = re.compile(
    r"(?<!ver)ride|(?<!s)trip|taxi|zone|duration|new.?york|\btlc\b|\bcit(y|ies)\b|pickup|drop.?off|\btips?\b",
    re.IGNORECASE,
)
ALLOWED = {
    "ride_duration",  # defaults, by which the earlier pipeline's users and `make run` go
    "ride_events",
    "ride_predictions",
    "America/New_York",
    "BATCH_RIDES",  # a variable of the batch job's
    "BatchTimezone",
    "ScheduleExpressionTimezone",
    "Duration",  # Lambda's own metric
}


def test_the_template_names_no_domain_but_in_defaults() -> None:
    words = re.findall(r"[\w/.-]+", TEMPLATE.read_text())
    assert {word for word in words if OF_A_DOMAIN.search(word)} == ALLOWED
    assert not re.search(r"(in|of|predicted) minutes", TEMPLATE.read_text(), re.IGNORECASE)


def test_a_domain_s_word_would_be_found() -> None:
    for word in (
        "RideEventsName",
        "NoRides",
        "rides",
        "trip",
        "PULocationID_zone",
        "duration_minutes",
        "New York",
    ):
        assert OF_A_DOMAIN.search(word), word
    for word in ("Override", "strip", "Events", "scripts"):
        assert not OF_A_DOMAIN.search(word), word

"""A policy that travels in a variable of a join's functions, so that another one needs no other image."""

from __future__ import annotations

import base64
import gzip
import re
from dataclasses import replace

import pytest
from join_lab import make

from threeways.errors import SettingsError
from threeways.join.finding import find
from threeways.join.functions import Functions
from threeways.join.policies import MAX_BYTES, MAX_LENGTH, by_policy, packed, unpacked
from threeways.settings import JoinSettings
from threeways.systems.moderation.policy import SHIPPED, load, parsed

TEXT = SHIPPED.read_text("utf-8")
STRICT = TEXT.replace("review = 0.5", "review = 0.3")


def word_of(content: bytes) -> str:
    return base64.b64encode(content).decode()


def test_a_policy_comes_out_as_it_went_in_and_the_shipped_one_fits_twice() -> None:
    assert unpacked(packed(TEXT)) == TEXT
    assert packed(TEXT) == packed(TEXT)
    assert len(packed(TEXT)) < MAX_LENGTH / 2
    assert gzip.decompress(base64.b64decode(packed("ä"))) == "ä".encode(), "as base64 -d | gunzip shows it"


@pytest.mark.parametrize(
    "word",
    [
        "no base64!", "aGFsbG8=", packed(TEXT)[:-8], word_of(gzip.compress(b"\xff", mtime=0)),
        word_of(gzip.compress(b"a", mtime=0) + b"more"),
        word_of(gzip.compress(b"a" * (MAX_BYTES + 1), mtime=0)),
    ],
)  # fmt: skip
def test_what_is_no_packed_policy_is_refused_in_one_line(word: str) -> None:
    with pytest.raises(SettingsError, match=r"JOIN_POLICY=.* is no packed policy \(.*make deploy") as error:
        unpacked(word)
    assert "\n" not in str(error.value)


def test_one_that_does_not_fit_into_a_functions_variables_is_refused_with_the_mend() -> None:
    long = "".join(chr(33 + n * n * 7 % 90) + str(n * 7919 % 10_007) for n in range(3_000))
    with pytest.raises(SettingsError, match=r"packed [0-9,]+, and 3,000 fit .* shorten its comments"):
        packed(long)


def test_the_functions_go_by_the_policy_that_they_are_given() -> None:
    settings = JoinSettings(join="moderation", join_policy=packed(STRICT))
    join = Functions(settings).join
    assert join.rules == parsed(STRICT).rules != load().rules
    assert join.policy == STRICT
    assert Functions(JoinSettings(join="moderation")).join.rules == load().rules


def test_a_policy_that_is_refused_stops_the_start_with_its_fault() -> None:
    bad = TEXT.replace("review = 0.5", "review = 1.3", 1)
    with pytest.raises(SettingsError, match=r"JOIN_POLICY: \[categories\.\w+\]: review = 1\.3, and scores"):
        Functions(JoinSettings(join="moderation", join_policy=packed(bad)))
    with pytest.raises(SettingsError, match=r"JOIN_POLICY is not TOML"):
        find("moderation", packed("a = "))


def test_a_join_without_policies_refuses_one() -> None:
    with pytest.raises(SettingsError, match=r"JOIN=moderation takes no policy, .* `of_policy`"):
        by_policy(make(), packed(TEXT))
    assert by_policy(make(), "") == by_policy(make(), None)


def test_another_policy_makes_the_same_join_with_its_own_deadline_and_rules() -> None:
    join = find("moderation")
    other = by_policy(join, packed(re.sub("deadline_s.*", "deadline_s = 7", TEXT)))
    assert (other.name, other.subject, other.deadline) == (join.name, join.subject, 7)
    assert other.rules != join.rules
    with pytest.raises(SettingsError, match=r"of_policy=3 is of type int"):
        replace(other, of_policy=3)  # type: ignore[arg-type]

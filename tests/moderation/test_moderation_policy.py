"""The moderation policy: read strictly, each fault one line with its mend; decisions carry its hash."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from moderation_lab import document

from threeways.errors import SettingsError
from threeways.systems.moderation.policy import checked, load

TOML = """
version = "1"
deadline_s = 30
ground = "Terms"
appeal = "Reply."
[categories.{name}]
what = "hate"
review = {review}
remove = 0.9
ground = "Terms, 4"
statement_category = "STATEMENT_CATEGORY_VIOLENCE"
{more}
"""


def refused(change: Callable[[dict[str, Any]], object]) -> str:
    given = document()
    change(given)
    with pytest.raises(SettingsError) as told:
        checked(given, "policy x.toml")
    [line] = str(told.value).splitlines()
    assert line.startswith("policy x.toml")
    return line


def block(given: dict[str, Any], **keys: Any) -> None:
    given["categories"]["nsfw"].update(keys)


def test_the_shipped_policy_expects_verdicts_and_sends_what_is_missing_to_review() -> None:
    policy = load()
    assert policy.expected == set(policy.categories) >= {"copyright", "nsfw", "violence"}
    assert {one.missing for one in policy.categories.values()} == {"review"}
    assert all(one.remove is not None and one.review < one.remove for one in policy.categories.values())


@pytest.mark.parametrize("key", ["review", "remove"])
@pytest.mark.parametrize("threshold", [1.3, -0.1, float("nan"), float("inf")])
def test_a_threshold_outside_of_0_to_1_is_refused_by_its_name(key: str, threshold: float) -> None:
    line = refused(lambda given: block(given, **{key: threshold}))
    assert f"[categories.nsfw]: {key} = {threshold}, and scores are from 0 to 1; give" in line


def test_a_removal_below_review_is_refused() -> None:
    line = refused(lambda given: block(given, remove=0.4))
    assert "remove = 0.4 is below review = 0.5" in line
    assert "give" in line


def test_a_category_that_nobody_judges_is_refused() -> None:
    def add(given: dict[str, Any]) -> None:
        given["categories"]["hate"] = given["categories"]["nsfw"] | {"model": ""}

    line = refused(add)
    assert "nobody judges hate" in line
    assert "name the `model`" in line


@pytest.mark.parametrize("name", ["policy", "decision", "not a name", "..", "generator"])
def test_a_module_that_holds_no_task_judges_nothing(name: str) -> None:
    line = refused(
        lambda given: given["categories"].update({name: given["categories"]["nsfw"] | {"model": ""}})
    )
    assert f"nobody judges {name}" in line


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda given: given.update(deadlin=3), "unknown field `deadlin`"),
        (lambda given: block(given, reviw=0.3), "[categories.nsfw]: Object contains unknown field `reviw`"),
        (lambda given: block(given, review="0.5"), "Expected `float`, got `str` - at `$.review`"),
        (lambda given: block(given, review=True), "Expected `float`, got `bool`"),
        (lambda given: block(given, missing="ignore"), "$.missing"),
        (lambda given: block(given, statement_category="VIOLENCE"), "$.statement_category"),
        (lambda given: given["categories"].update(nsfw=3), "[categories.nsfw]: Expected `object`"),
        (lambda given: given.update(late="drop"), "$.late"),
        (lambda given: given.pop("version"), "required field `version`"),
        (lambda given: given.pop("categories"), "has no category"),
        (lambda given: given.update(categories={}), "has no category"),
        (lambda given: given.update(deadline_s=0), "deadline_s = 0"),
        (lambda given: given.update(deadline_s=float("nan")), "deadline_s = nan"),
        (lambda given: given.update(deadline_s=700_000), "deadline_s = 700000"),
        (lambda given: block(given, model="violence"), "two categories have the same `model`"),
        (lambda given: block(given, model="reviewer"), "reviewer is the name of people's verdicts"),
        (
            lambda given: [one.update(expected=False) for one in given["categories"].values()],
            "no category is expected",
        ),
    ],
)  # fmt: skip
def test_a_fault_is_one_line_that_names_the_key(
    change: Callable[[dict[str, Any]], object], told: str
) -> None:
    line = refused(change)
    assert told in line
    assert ";" in line  # the mend


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda given: block(given, reveiw=0.3), "unknown field `reveiw`; meant review?"),
        (lambda given: given.update(deadline=3), "unknown field `deadline`; meant deadline_s?"),
        (lambda given: given.update(zzz=3), "unknown field `zzz`; remove it, the keys are version"),
        (lambda given: given.update(late="maybe"), "at `$.late`; give 'ignore' or 'revise'"),
        (lambda given: block(given, missing="no"), "at `$.missing`; give 'allow' or 'remove' or 'review'"),
        (lambda given: given.pop("appeal"), "required field `appeal`; add appeal = …"),
        (lambda given: block(given, review="high"), "at `$.review`; correct its value"),
        (lambda given: given["categories"].update(nsfw=3), "give a block with the keys what, review"),
        (lambda given: given["categories"].update(hate={}), "nobody judges hate"),
        (lambda given: given["categories"].update(hate={"reveiw": 1}), "nobody judges hate"),
        (lambda given: given["categories"].update(violense={}), "nobody judges violense"),
        (lambda given: given["categories"].update(violense={}), "; meant violence?"),
    ],
)  # fmt: skip
def test_a_fault_is_told_with_what_would_be_right(
    change: Callable[[dict[str, Any]], object], told: str
) -> None:
    assert told in refused(change)


def test_its_hash_is_of_what_it_says_and_not_of_how_it_is_written(tmp_path: Path) -> None:
    def rules(name: str = "hate", review: str = "0.5", more: str = 'model = "m"') -> str:
        file = tmp_path / "policy.toml"
        file.write_text(TOML.format(name=name, review=review, more=more), "utf-8")
        return load(file).rules

    assert rules() == rules(more='# why so\nmodel = "m"\nexpected = true')
    assert len({rules(), rules(review="0.6"), rules(name="spam"), rules(more='model = "n"')}) == 4
    assert rules().startswith("1-")


@pytest.mark.parametrize(
    ("text", "told"), [(None, "cannot be read"), ("a = ", "is not TOML"), (b"\xff", "cannot be read")]
)
def test_a_file_that_is_none_is_refused_by_its_variable(tmp_path: Path, text: Any, told: str) -> None:
    file = tmp_path / "policy.toml"
    if text is not None:
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(SettingsError, match=r"MODERATION_POLICY=.*policy\.toml") as error:
        load(file)
    assert told in str(error.value)


def test_a_policy_of_ones_own_is_named_by_the_environment_and_needs_no_numpy(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(TOML.format(name="hate", review=0.2, more='model = "hate_model"'), "utf-8")
    code = (
        "import sys; from threeways.systems.moderation.decision import join; "
        "print(*join.expected, join.rules, {'numpy', 'boto3'} & set(sys.modules))"
    )
    told = subprocess.run(
        [sys.executable, "-c", code], env={"MODERATION_POLICY": str(file)},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert told.stdout.split() == ["hate_model", load(file).rules, "set()"]


def test_a_fault_of_the_policy_is_told_as_it_is_where_the_join_is_asked_for(tmp_path: Path) -> None:
    file = tmp_path / "bad.toml"
    file.write_text(TOML.format(name="hate", review=1.3, more='model = "m"'), "utf-8")
    told = subprocess.run(
        [sys.executable, "-m", "threeways", "review", "--join=moderation", "--table=t", "--verdicts=v"],
        env={"MODERATION_POLICY": str(file), "COLUMNS": "400"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert told.returncode == 2
    assert told.stderr == (
        f"error: MODERATION_POLICY={file}: [categories.hate]: review = 1.3, and scores are from 0 to 1; give "
        "a number in between\n"
    )


def test_a_run_on_one_machine_goes_by_ones_own_policy_with_its_own_deadline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from threeways.systems.moderation.policy import SHIPPED
    from threeways.systems.moderation.system import variables

    text = SHIPPED.read_text("utf-8")
    own = tmp_path / "own.toml"
    own.write_text(
        re.sub(r"(?m)^deadline_s.*", "deadline_s=45 # short", text).replace("review = 0.5", "review = 0.7")
    )
    monkeypatch.setenv("MODERATION_POLICY", str(own))
    (tmp_path / "run").mkdir()
    policy = load(Path(variables(tmp_path / "run", 20.0)["MODERATION_POLICY"]))
    assert policy.deadline_s == 20.0
    assert policy.categories["nsfw"].review == 0.7
    own.write_text("version = 3\n")
    with pytest.raises(SettingsError, match=r"own\.toml"):
        variables(tmp_path / "run", 20.0)

"""A join of one's own that cannot work is refused at the start, in one line with the mend."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
from join_lab import make
from typer.testing import CliRunner

from examples.orders_join import Answer, Order
from examples.orders_join import join as orders
from threeways.cli.app import app
from threeways.errors import JoinFailed, SettingsError
from threeways.join import checks
from threeways.join.effects import Effects
from threeways.join.finding import find
from threeways.join.join import Decision, Effect, Join, Verdict
from threeways.join.state import KeyState, next_step
from threeways.systems.moderation.decision import join as moderation

ROOT = Path(__file__).parents[2]


class Loan(msgspec.Struct):
    loan_id: str
    rate: float = 0.1
    agreed: bool = True


def start(**changed: Any) -> None:
    made: Join[Any] = dataclasses.replace(orders, **changed)
    made.prove()
    Effects(made).prove()


def refused(**changed: Any) -> str:
    """Return why a join is refused, and check that the reason is one line with a mend."""
    with pytest.raises(SettingsError) as error:
        start(**changed)
    line = str(error.value)
    assert line.startswith("JOIN=")
    assert "\n" not in line
    assert ";" in line
    return line


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"name": "my orders"}, "name='my orders' "),
        ({"name": ""}, "name='' "),
        ({"name": 3}, "name=3 is of type int"),
        ({"deadline": "10"}, "deadline='10' "),
        ({"deadline": True}, "deadline=True is of type bool, and has to be a number of seconds"),
        ({"deadline": None}, "deadline=None"),
        ({"keep_days": "30"}, "keep_days='30' "),
        ({"keep_days": 30.5}, "keep_days=30.5 "),
        ({"late": "maybe"}, '"ignore" or "revise"'),
        ({"expected": ["fraud"]}, "expected=['fraud'] is of type list, and has to be a frozenset"),
        ({"expected": "fraud"}, "has to be a frozenset"),
        ({"expected": frozenset({1})}, "expected=frozenset({1})"),
        ({"persons": ("ann",)}, "persons=('ann',)"),
        ({"reviewed": "ship"}, "reviewed='ship'"),
        ({"verdicts": [Answer]}, "verdicts=["),
        ({"verdicts": {"fraud": Answer, "stock": 3}}, "the type of stock's predictions"),
        ({"rules": 1}, "rules=1"),
        ({"decide": None}, "decide=None"),
        ({"effects": []}, "effects=[]"),
        ({"revises": 1}, "revises=1"),
        ({"id": "loan"}, "id='loan' is no field of Order; give one of order_id, email"),
        ({"id": 3}, "id=3"),
        ({"subject": int}, "has no fields"),
        ({"subject": dict[str, str]}, "has no fields"),
        ({"subject": 3}, "`subject` cannot be read"),
        ({"example": {"order_id": "a"}}, "`example` is of type dict; give a Order"),
        ({"example": Order(1, "x")}, "no Order: Expected `str`, got `int` - at `$.order_id`"),  # type: ignore[arg-type]
        ({"subject": Loan, "example": Loan("1"), "id": "rate"}, "Loan.rate, is neither int nor str"),
        ({"subject": Loan, "example": Loan("1"), "id": "agreed"}, "Loan.agreed, is neither int nor str"),
    ],
)  # fmt: skip
def test_a_field_that_cannot_be_is_named(changed: Mapping[str, Any], said: str) -> None:
    assert said in refused(**changed)


@pytest.mark.parametrize(
    ("decide", "said"),
    [
        (lambda verdicts, *_: max(verdicts), "decide({}, expected, expired=False) raised ValueError"),
        (lambda v, e, expired: max(v) if expired else None, "expected, expired=True) raised ValueError"),
        (lambda *_: ("ship", {}), "returned ('ship', {}); return a Decision, or None to wait"),
        (lambda *_: "ship", "returned 'ship'"),
        (lambda *_: Decision(3), "return a Decision"),  # type: ignore[arg-type]
        (lambda v, *_: Decision("no" if [one.ok for one in v.values()] else "yes"),
         "decide({'fraud': …}, expected, expired=True) raised Attribute"),
        (lambda v, *_: Decision("no" if [one.prediction["ok"] for one in v.values()] else "yes"),
         "predictions are of type Answer"),
        (lambda v, *_: Decision("ship", {"both": v["fraud"].ok if len(v) == 2 else 0}), "'stock': …"),
        (lambda v, *_: (1, 2) if v else Decision("ship"), "returned (1, 2)"),
    ],
)  # fmt: skip
def test_a_decide_that_cannot_work_is_told_with_its_call(decide: Any, said: str) -> None:
    assert said in refused(decide=decide)


def test_a_decide_of_nobody_expected_is_tried_too() -> None:
    assert "raised ValueError" in refused(expected=frozenset(), decide=lambda v, *_: Decision(max(v)))


@pytest.mark.parametrize(
    ("effects", "said"),
    [
        (lambda order, _: [Effect("m", {"x": 1 / 0})], "effects(example, 'ask a person') raised Zero"),
        (lambda order, _: [Effect("m", {"x": order.mail})], "has no attribute 'mail'"),
        (lambda *_: None, "raised TypeError"),
        (lambda *_: [("mail", {})], "made ('mail', {}); make each an Effect"),
        (lambda *_: [Effect("m", {"x": object()})], "raised TypeError"),
        (lambda *_: [Effect("m", {"decision": 1})], "of its example, 'a-1': an effect's 'decision'"),
        (lambda order, one: [Effect("m", {"x": one.facts["by"][0].x if one.facts else 1})], "'refuse'"),
    ],
)  # fmt: skip
def test_effects_that_cannot_be_made_are_told_with_the_join(effects: Any, said: str) -> None:
    assert said in refused(effects=effects)


def test_what_a_made_up_value_alone_leads_to_is_no_fault() -> None:
    def decide(verdicts: Any, *_: Any) -> Decision:
        return Decision("ship", {name: {"a": 1}[one.prediction.text] for name, one in verdicts.items()})

    kind = msgspec.defstruct("Said", [("text", str)])
    dataclasses.replace(orders, decide=decide, verdicts={"fraud": kind, "stock": kind}).prove()


@pytest.mark.parametrize("join", [orders, moderation, make()])
def test_joins_that_work_are_taken(join: Join[Any]) -> None:
    join.prove()
    Effects(join).prove()
    assert all(checks.sample(kind) is not None for kind in join.verdicts.values())


def test_a_sample_is_of_its_type_or_none() -> None:
    assert checks.sample(dict[str, float]) is None
    assert checks.sample(list[int]) == [0]
    assert checks.sample(int | None) == 0


def test_a_decide_that_returns_something_else_later_fails_its_key_alone() -> None:
    join = dataclasses.replace(orders, decide=lambda verdicts, *_: (1, 2))  # type: ignore[arg-type]
    verdict = Verdict(source="fraud", id="1", version="", prediction=Answer(True), at=0.0)
    state = KeyState("a", 1, frozenset(), "e", 0.0, 9.0, subject=b"{}", verdicts={"fraud": verdict})
    with pytest.raises(JoinFailed, match=r"decide returned .* which is no Decision"):
        next_step(join, state, 1.0)


def test_a_module_without_a_dot_is_to_be_moved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ojoin.py").write_text("join = 1\n")
    with pytest.raises(SettingsError, match=r"A module's name needs a dot.*give JOIN=my_package\.ojoin"):
        find("ojoin")


def test_a_plan_s_command_names_the_join_as_it_was_given() -> None:
    told = CliRunner().invoke(app, ["plan", "--join", "examples.orders_join", "--rate", "10"])
    assert "make deploy JOIN=examples.orders_join PARAMETERS=" in " ".join(told.stdout.split())


def test_a_plan_of_a_join_that_would_not_start_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "loans.py").write_text(
        "import dataclasses\nfrom examples.orders_join import join as o\n"
        "join = dataclasses.replace(o, expected=frozenset(), decide=lambda v, e, x: max(v))\n"
    )
    told = subprocess.run(
        [sys.executable, "-m", "threeways", "plan", "--join", "mine.loans", "--rate", "5"], cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "THREEWAYS_MAKE": "true"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert told.returncode == 2
    assert told.stderr.startswith("error: JOIN=orders: decide({}, expected, expired=False) raised ValueError")
    assert told.stderr.count("\n") == 1

"""Tampered and damaged graphs are refused, fail or say something else, and never end the process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import onnx_tamper
import pytest
from onnx_lab import content

pytestmark = pytest.mark.exhaustive

HERE = Path(__file__)


@cache
def outcomes() -> dict[str, str]:
    """What became of each case in a process of its own, which must live to its end."""
    paths = (HERE.parents[2], HERE.parents[1], HERE.parent)
    ran = subprocess.run(
        [sys.executable, "-X", "faulthandler", str(HERE.with_name("onnx_tamper.py"))],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(map(str, paths))},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    lines = [json.loads(line) for line in ran.stdout.splitlines()]
    assert ran.returncode == 0, f"ended with {ran.returncode} at {lines[-1:]}: {ran.stderr[-2000:]}"
    return {name: outcome for outcome, name in lines if outcome != "begun"}


def test_no_case_ends_the_process() -> None:
    assert len(outcomes()) > 800


def test_it_is_the_sound_graph_that_is_tampered_with() -> None:
    assert onnx_tamper.outcome(content()) == "served"


@pytest.mark.parametrize("name", [*onnx_tamper.INDICES[:3], "tree_roots", "leaf_targetids"])
@pytest.mark.parametrize("value", [-1, -(2**31), -(2**63), 2**31, 2**32 + 1, 2**62, 2**63 - 1])
def test_an_index_far_outside_is_refused_or_fails_wherever_it_stands(name: str, value: int) -> None:
    found = [
        outcome
        for case, outcome in outcomes().items()
        if case.startswith(f"{name}[") and case.endswith(f"= {value}")
    ]
    assert len(found) == 3
    assert all(outcome.startswith(("refused", "failed")) for outcome in found)


def test_a_feature_one_beyond_the_width_is_refused_or_fails() -> None:
    assert all(
        outcomes()[f"nodes_featureids[{place}] = 3"].startswith(("refused", "failed"))
        for place in (0, 25, 50)
    )


@pytest.mark.parametrize("place", [1, 2, 5])
@pytest.mark.parametrize("side", [onnx_tamper.TRUE, onnx_tamper.FALSE])
def test_a_walk_that_goes_in_circles_or_back_is_refused(side: str, place: int) -> None:
    for to in (0, place, place - 1):
        assert outcomes()[f"{side}[{place}] to node {to}"].startswith("refused: ArtifactUntrusted")


@pytest.mark.parametrize(
    "name",
    ["a tree of 1100 levels", "a tree of 20000 levels", "a tree of 200000 levels",
     "a tree named a thousand times",
     "both children one node"],
)  # fmt: skip
def test_trees_that_would_fill_the_stack_or_the_memory_are_refused(name: str) -> None:
    assert outcomes()[name] == "refused: ArtifactUntrusted"


def test_lists_that_are_short_long_or_missing_are_refused() -> None:
    for name in onnx_tamper.INDICES[:5]:
        for how in ("of 0", "of 1", "too long", "is none"):
            assert outcomes()[f"{name} {how}"].startswith("refused"), (name, how)
    for name in ("nodes_splits", "nodes_modes"):
        assert outcomes()[f"{name} of 7"].startswith("refused")
        assert outcomes()[f"{name} claims [{2**40}]"].startswith("refused")


def test_modes_that_are_none_and_sets_without_members_are_refused_or_fail() -> None:
    for mode in (6, 127, 255):
        assert outcomes()[f"mode {mode} everywhere"].startswith(("refused", "failed"))


def test_a_file_cut_anywhere_is_refused() -> None:
    cut = {name: outcome for name, outcome in outcomes().items() if name.startswith("cut at ")}
    assert len(cut) > 150
    assert set(cut.values()) <= {
        "refused: ArtifactIncomplete",
        "refused: ArtifactUntrusted",
    }

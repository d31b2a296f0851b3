"""The commands in docs/any-model.md are those that the examples' tests run."""

from __future__ import annotations

import re
from pathlib import Path

from test_examples import EXAMPLES, ROOT

PAGE = (ROOT / "docs" / "any-model.md").read_text("utf-8")
MAKEFILE = (ROOT / "Makefile").read_text("utf-8")


def test_each_example_s_script_and_command_is_on_the_page() -> None:
    for one in EXAMPLES:
        assert f".venv/bin/python examples/{one.script}.py" in PAGE
        assert f"make run MODEL={one.model} EVENTS=.local/{one.events} ACTUAL={one.actual}" in PAGE


def test_each_make_command_takes_the_variables_that_it_is_given() -> None:
    taken = dict(re.findall(r"^TAKES_([\w-]+) := (.*)$", MAKEFILE, re.MULTILINE))
    commands = re.findall(r"make ([a-z]+)((?: [A-Z0-9]+=\S+)+)", PAGE)
    assert len(commands) >= 6
    for target, given in commands:
        assert set(re.findall(r" ([A-Z0-9]+)=", given)) <= set(taken[target].split()), target


def test_the_files_that_it_links_are_there() -> None:
    for name in re.findall(r"\]\(([\w./-]+)\)", PAGE):
        assert (Path(ROOT / "docs") / name).exists(), name

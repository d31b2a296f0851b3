"""The tool that runs each row of docs/event-source-mapping.md on moto and LocalStack, tried on moto."""

from __future__ import annotations

import re

import pytest
from compare_emulators import __main__ as command
from compare_emulators import functions, rows, sites


def test_each_row_of_the_page_is_run_or_says_why_not() -> None:
    lines = [line for line in rows.PAGE.read_text().splitlines() if re.match(r"\| \[.+ \| `test_", line)]
    assert len(lines) == len(rows.of_page())
    assert not set(rows.PROBES) - set(rows.of_page())
    for behaviour, line in zip(rows.of_page(), lines, strict=True):
        cells = line.split(" | ")[2:]
        assert len(cells) == 2
        assert all(re.match(r"yes\b|no\b|not run: ", cell) for cell in cells), behaviour
        assert behaviour in rows.PROBES or all(cell.startswith("not run: ") for cell in cells), behaviour


@pytest.mark.exhaustive
def test_a_row_says_what_motos_mapping_as_released_does(capsys: pytest.CaptureFixture[str]) -> None:
    behaviours = [
        "[Kinesis][k]: the event's shape",
        "[Kinesis][k]: records of a shard in order, in batches",
        "[API][a]: no timestamp in the future",
    ]
    server = functions.serve()
    server.start()
    try:
        with sites.start_of("moto", f"http://{server.address}") as moto:
            found = rows.run(moto, behaviours, command.PATIENCE["moto"], 3)
    finally:
        server.end()
    assert list(found.values()) == [
        "yes",
        "no: batches of [1], in order: True",
        "no: one in an hour is taken",
    ]
    assert "batches of [1]" in capsys.readouterr().err

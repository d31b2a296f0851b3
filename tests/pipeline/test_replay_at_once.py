"""Replays of one folder at the same time, and a folder that cannot be written."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
from doubles import ride
from replay_lab import SHARD, Lab, entry, lines

from threeways.emulator.server import Emulator
from threeways.errors import LocationError
from threeways.ops.locations import Folder
from threeways.ops.replay.keeper import Keeper
from threeways.ops.replay.proof import Found

AT_ONCE = 3


@pytest.fixture
def _switching() -> Iterator[None]:
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(interval)


def together(work: Callable[[int], None]) -> None:
    """Run it for 0, 1, 2 at the same time; raises what any of them raised."""
    begin = Barrier(AT_ONCE)

    def one(number: int) -> None:
        begin.wait()
        work(number)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        for done in [pool.submit(one, number) for number in range(AT_ONCE)]:
            done.result()


@pytest.mark.usefixtures("_switching")
def test_replays_of_one_nested_folder_at_once_all_end_well(emulator: Emulator, tmp_path: Path) -> None:
    lab = Lab(emulator)
    events = [f"{SHARD}:{number}" for number in range(60)]
    for number, event_id in enumerate(events):
        file = tmp_path / f"2026/03/{number % 28 + 1:02}/{number % 24:02}/{number}.jsonl"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(lines([entry(event_id, ride(number), event_id)]))
    replays = [lab.replay(Folder(str(tmp_path))) for _ in range(AT_ONCE)]
    together(lambda number: replays[number].run())
    assert [replay.ledger.complete for replay in replays] == [True] * AT_ONCE
    assert {made["source_event_id"] for made in lab.predicted()} == set(events)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("_switching")
def test_a_file_is_kept_whose_folder_others_remove_meanwhile(tmp_path: Path) -> None:
    def work(number: int) -> None:
        place = Folder(str(tmp_path))
        for turn in range(150):
            key = f"a/b/c/{number}-{turn}.jsonl"
            place.keep(key, b"kept")
            assert place.read(key) == b"kept"
            place.keys()
            place.remove(key)

    together(work)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_ends_the_replay_with_its_reason_and_its_ledger(
    emulator: Emulator, tmp_path: Path
) -> None:
    lab, place = Lab(emulator), tmp_path / "quarantine"
    place.mkdir()
    (place / "a.jsonl").write_bytes(lines([entry(f"{SHARD}:1", ride(1)), entry(f"{SHARD}:2", b"junk")]))
    (tmp_path / "beside").mkdir()
    (tmp_path / "beside" / "quarantine").write_text("a file, where a folder is to be")
    replay = lab.replay(Folder(str(place)), Keeper(tmp_path / "beside", "now"))
    with pytest.raises(LocationError, match=r"beside/quarantine: File exists.*nothing was removed"):
        replay.run()
    assert (replay.ledger.read, replay.ledger.unfinished, replay.ledger.complete) == (2, 2, False)
    assert (place / "a.jsonl").exists()
    Keeper(tmp_path / "elsewhere", "now")(Found())
    with pytest.raises(LocationError, match=r"elsewhere/replayed-now.jsonl: No such file"):
        Keeper(tmp_path / "elsewhere", "now")(Found(predicted={"x": b"{}"}))


def test_what_cannot_be_removed_is_no_complete_replay(
    emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = Lab(emulator)
    (tmp_path / "a.jsonl").write_bytes(lines([entry(f"{SHARD}:1", ride(1))]))
    replay = lab.replay(Folder(str(tmp_path)))

    def refuse(path: Path, missing_ok: bool = False) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(LocationError, match=r"a\.jsonl cannot be removed: Permission denied"):
        replay.run()
    assert (replay.ledger.predicted, replay.ledger.removed, replay.ledger.complete) == (1, 0, False)

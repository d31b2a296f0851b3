"""The quarantine's reader: an overview, one record, all of it in a file."""

from __future__ import annotations

import io
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from doubles import ride
from events_lab import KINDS
from replay_lab import ARRIVED, SHARD, Lab, entry, failure_document, lines
from rich.console import Console

from threeways.emulator.server import Emulator
from threeways.errors import LocationError
from threeways.ops.locations import Bucket, Folder
from threeways.ops.quarantine import REASONS, Reader
from threeways.stream.quarantine import QuarantineEntry


def reader(location: object) -> tuple[Reader, io.StringIO]:
    said = io.StringIO()
    return Reader(str(location), Console(file=said, width=160)), said


def because(number: int, code: str, message: str, hours: int = 0, data: bytes = b"x") -> QuarantineEntry:
    quarantined = ARRIVED + timedelta(hours=hours)
    return msgspec.structs.replace(
        entry(f"{SHARD}:{number}", data), code=code, message=message, quarantined=quarantined
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "quarantine"
    place.mkdir()
    first = [because(n, "invalid_event", "`$.ride` is [missing]") for n in range(3)]
    (place / "a.jsonl").write_bytes(lines([*first, because(40, "undecodable", "not JSON", hours=2)]))
    (place / "b.jsonl").write_bytes(lines(first[:1]))
    return place


def test_records_are_listed_by_reason_and_by_hour_each_once(folder: Path) -> None:
    shown, said = reader(folder)
    shown.overview()
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in said.getvalue().splitlines()]
    assert [
        "3",
        "invalid_event",
        "`$.ride` is [missing]",
        "2026-03-01 13:15",
        f"…{f'{SHARD}:0'[-8:]}",
    ] in rows
    assert ["1", "undecodable", "not JSON", "2026-03-01 15:15", f"…{f'{SHARD}:40'[-8:]}"] in rows
    assert ["2026-03-01 13:00", "3", "invalid_event 3"] in rows
    assert ["2026-03-01 15:00", "1", "undecodable 1"] in rows
    assert "4 records in quarantine" in said.getvalue()
    assert "1 of them there more than once" in said.getvalue()


def test_a_thousand_reasons_do_not_fill_the_screen(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(lines(because(n, "c", f"because {n}") for n in range(1_000)))
    shown, said = reader(tmp_path)
    shown.overview()
    assert said.getvalue().count("because ") == REASONS
    assert f"{1_000 - REASONS:,} more reasons" in said.getvalue()


def test_an_empty_quarantine_is_good_news(tmp_path: Path) -> None:
    shown, said = reader(tmp_path)
    shown.overview()
    assert said.getvalue().startswith("0 records in quarantine")


@pytest.mark.parametrize("data", KINDS.values(), ids=list(KINDS))
def test_every_kind_of_record_can_be_shown(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.jsonl").write_bytes(lines([because(1, "code", "why", data=data)]))
    shown, said = reader(tmp_path)
    shown.show(f"{SHARD}:1")
    assert "code: why" in said.getvalue()
    assert f"{len(data):,}" in said.getvalue()


def test_a_record_is_shown_as_json_text_or_bytes(tmp_path: Path) -> None:
    datas = [ride("[b]\u00e9"), b"\x00\x1b[31m no JSON", b"\xff\xfeGIF89a"]
    (tmp_path / "a.jsonl").write_bytes(lines(entry(f"{SHARD}:{n}", data) for n, data in enumerate(datas)))
    expected = ['"ride_id": "[b]\u00e9"', r"'\x00\x1b[31m no JSON'", "ff fe 47 49 46 38 39 61"]
    for number, shown_as in enumerate(expected):
        shown, said = reader(tmp_path)
        shown.show(f"{SHARD}:{number}")
        assert shown_as in said.getvalue()
        assert "\x1b" not in said.getvalue()


def test_user_records_are_shown_by_their_kinesis_record_s_id_and_an_id_by_its_end(tmp_path: Path) -> None:
    ids = [f"{SHARD}:5:{n}" for n in (0, 12)] + [f"{SHARD}:77"]
    (tmp_path / "a.jsonl").write_bytes(lines(entry(event_id, b"x") for event_id in ids))
    for asked, found in ((f"{SHARD}:5", ids[:2]), ("5:12", ids[1:2]), (":77", ids[2:])):
        shown, said = reader(tmp_path)
        shown.show(asked)
        assert [event_id for event_id in ids if f"{event_id}\n" in _trimmed(said)] == found


def _trimmed(said: io.StringIO) -> str:
    return "".join(f"{line.rstrip()}\n" for line in said.getvalue().splitlines())


def test_an_id_that_is_not_there_or_not_one_is_refused_and_some_are_named(folder: Path) -> None:
    shown, _ = reader(folder)
    with pytest.raises(LocationError, match=f"no '{SHARD}:9' .*{SHARD}:0"):
        shown.show(f"{SHARD}:9")
    with pytest.raises(LocationError, match=f"several end with '0'.*{SHARD}:0, {SHARD}:40"):
        shown.show("0")


def test_everything_is_exported_as_it_is(folder: Path, tmp_path: Path) -> None:
    shown, _ = reader(folder)
    shown.export(tmp_path / "all.jsonl")
    both = (folder / "a.jsonl").read_bytes() + (folder / "b.jsonl").read_bytes()
    assert (tmp_path / "all.jsonl").read_bytes() == both
    again, _ = reader(tmp_path / "all.jsonl")
    assert [one for _, one in again.read] == [one for _, one in shown.read]


def test_an_export_replaces_no_file(folder: Path, tmp_path: Path) -> None:
    shown, _ = reader(folder)
    with pytest.raises(LocationError, match="is there already"):
        shown.export(folder / "a.jsonl")
    with pytest.raises(LocationError, match="cannot be written"):
        shown.export(tmp_path / "no folder" / "all.jsonl")


def test_what_is_not_quarantine_s_is_passed_over_and_said(folder: Path) -> None:
    (folder / "notes.txt").write_text("look here")
    shown, said = reader(folder)
    assert len(shown.read) == 5
    assert "notes.txt" in said.getvalue()


def test_a_failure_destination_is_told_apart(tmp_path: Path) -> None:
    (tmp_path / "document").write_bytes(failure_document(None))
    with pytest.raises(LocationError, match="make replay"):
        reader(tmp_path)


def test_quarantine_on_s3_says_first_whose_it_is(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in emulator.environment().items():
        monkeypatch.setenv(name, value)
    lab = Lab(emulator)
    lab.handle({"Records": []})
    lab.put("quarantine/2026/a.jsonl", lines([entry(f"{SHARD}:1", b"x")]))
    shown, said = reader(lab.quarantine)
    shown.overview()
    assert said.getvalue().index("no real account: http://127.0.0.1") < said.getvalue().index("1 records")
    monkeypatch.setenv("AWS_ENDPOINT_URL", emulator.endpoint_url.replace("127.0.0.1", "0.0.0.0"))  # noqa: S104
    assert "the real AWS account 123456789012" in reader(lab.quarantine)[1].getvalue()
    with pytest.raises(LocationError, match="no-such-bucket"):
        reader("s3://no-such-bucket/q")


def test_an_endpoint_that_is_no_url_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "localhost:9")
    with pytest.raises(LocationError, match=r"no client for s3: .*localhost:9.*Mend .*AWS_ENDPOINT_URL"):
        reader("s3://bucket/q")


def test_a_prefix_is_a_folder_or_one_object_and_no_more(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in emulator.environment().items():
        monkeypatch.setenv(name, value)
    lab = Lab(emulator)
    for key in ("q/a.jsonl", "q/b/c.jsonl", "quarantine/d.jsonl", "q-old/e.jsonl", "q/folder/"):
        lab.put(key, b"x")
    assert Bucket(lab.name, "q", "").keys() == ["q/a.jsonl", "q/b/c.jsonl"]
    assert Bucket(lab.name, "q/a.jsonl", "").keys() == ["q/a.jsonl"]
    assert len(Bucket(lab.name, "", "").keys()) == 4
    with pytest.raises(FileNotFoundError):
        Bucket(lab.name, "q", "").read("q/gone.jsonl")


def test_a_folder_s_hidden_and_half_written_files_are_left_out(tmp_path: Path) -> None:
    for name in (".DS_Store", "a.jsonl", "b.jsonl.1234.part", ".git/config", "c/d.jsonl"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    place = Folder(str(tmp_path))
    assert place.keys() == ["a.jsonl", "c/d.jsonl"]
    place.remove("c/d.jsonl")
    assert not (tmp_path / "c").exists()
    place.remove("a.jsonl")
    assert tmp_path.exists()

"""Hashes of pictures: near for a picture that was altered, far for another one."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter

from threeways.errors import DataError
from threeways.scoring.groups import Groups
from threeways.systems.moderation import catalogue, pictures
from threeways.systems.moderation.copyright import MOST_BITS, bits_of, hashes_of, task
from threeways.systems.moderation.generator import Work
from threeways.systems.moderation.generator import catalogue as generated
from threeways.systems.moderation.pictures import hash_of

REAL = "shared/data/moderation/pictures"
ALTERED = {
    "smaller": lambda one: one.resize((160, 100)),
    "square": lambda one: one.resize((128, 128)),
    "blurred": lambda one: one.filter(ImageFilter.GaussianBlur(4)),
    "contrast": lambda one: ImageEnhance.Contrast(one).enhance(1.5),
    "grey": lambda one: one.convert("L"),
}


def drawn(seed: int) -> Image.Image:
    """A picture of large shapes."""
    random = Random(seed)
    picture = Image.new("RGB", (640, 400), tuple(random.choices(range(256), k=3)))
    draw = ImageDraw.Draw(picture)
    for _ in range(12):
        left, top = random.randrange(600), random.randrange(360)
        box = (left, top, left + random.randrange(40, 400), top + random.randrange(40, 300))
        draw.ellipse(box, fill=tuple(random.choices(range(256), k=3)))
    return picture


def saved(picture: Image.Image, path: Path, **options: Any) -> Path:
    picture.save(path, **options)
    return path


def apart(one: str, other: str) -> int:
    return (int(one, 16) ^ int(other, 16)).bit_count()


@pytest.mark.parametrize("how", ALTERED)
def test_a_picture_that_is_altered_and_recoded_stays_near(how: str, tmp_path: Path) -> None:
    for seed in range(3):
        picture = drawn(seed)
        own = hash_of(saved(picture, tmp_path / "own.png"))
        assert len(own) == 16
        altered = ALTERED[how](picture)  # type: ignore[no-untyped-call]
        assert apart(own, hash_of(saved(altered, tmp_path / "altered.jpg", quality=60))) <= MOST_BITS


def test_other_pictures_are_far(tmp_path: Path) -> None:
    hashes = [hash_of(saved(drawn(seed), tmp_path / f"{seed}.png")) for seed in range(8)]
    assert min(apart(one, other) for one in hashes for other in hashes if one != other) > MOST_BITS


def test_a_file_that_is_no_picture_is_told_in_a_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "text.jpg").write_text("no picture")
    with pytest.raises(DataError, match=r"text\.jpg is no picture that Pillow reads; give JPEG"):
        hash_of(tmp_path / "text.jpg")
    whole = saved(drawn(1), tmp_path / "whole.jpg").read_bytes()
    (tmp_path / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"cut\.jpg cannot be read"):
        hash_of(tmp_path / "cut.jpg")
    assert pictures.main([str(tmp_path / "missing.jpg")]) == 2
    assert "missing.jpg cannot be read" in capsys.readouterr().err


def test_the_command_writes_hashes_or_a_line_of_a_catalogue(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = [str(saved(drawn(seed), tmp_path / f"{seed}.png")) for seed in range(2)]
    assert pictures.main(paths) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[1] for line in lines] == paths
    assert pictures.main(["--work", "Golden Harbour", *paths]) == 0
    frames = [line.split("  ")[0] for line in lines]
    assert json.loads(capsys.readouterr().out) == {"name": "Golden Harbour", "frames": frames}


def test_each_altered_real_picture_is_matched_to_its_original_and_no_other_picture_is() -> None:
    places = [parent / REAL for parent in Path(__file__).parents]
    folder = next((place for place in places if place.is_dir()), None)
    if folder is None:
        pytest.skip(f"no folder {REAL} beside this checkout: the real pictures are NOT compared")
    hashes = {path.stem: hash_of(path) for path in sorted(folder.glob("*.jpg"))}
    works = [*generated(), Work("Bridge", (hashes.pop("bridge-aaa-orig"),))]
    model = catalogue.fit(task, catalogue.frames_of(works, catalogue.Source("works", len(works), "")))
    block = bits_of(hashes_of(list(hashes.values())))
    assert task.combine is not None
    verdicts = task.combine(model.predict(block), Groups(block, np.ones(len(hashes), np.int64))).tolist()
    found = dict(zip(hashes, verdicts, strict=True))
    altered = {name: one for name, one in found.items() if name.startswith("bridge-")}
    assert len(altered) == 6
    assert {tuple(one[:3]) for one in altered.values()} == {("Bridge", 0, 1)}
    others = {name: one for name, one in found.items() if name not in altered}
    assert len(others) >= 7
    assert {(matched, score) for _, _, matched, score in others.values()} == {(0, 0.0)}
    assert min(apart(hashes[name], works[-1].frames[0]) for name in others) > 2 * MOST_BITS

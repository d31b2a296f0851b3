"""Why an artifact could not be written, and the mend that fits it."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from threeways.artifact.fetch import cache
from threeways.errors import ArtifactUnreachable


def filling(folder: Path, number: int) -> str:
    def write(fresh: Path) -> None:
        raise OSError(number, "told", str(fresh))

    with pytest.raises(ArtifactUnreachable) as caught:
        cache.fill(folder / "parent" / "artifact", {}, write)
    assert list((folder / "parent").iterdir()) == []
    return str(caught.value)


def test_only_a_full_disk_or_quota_asks_for_room(tmp_path: Path) -> None:
    assert all("make room" in filling(tmp_path, number) for number in (errno.ENOSPC, errno.EDQUOT))
    assert all("make room" not in filling(tmp_path, number) for number in (errno.EACCES, errno.EROFS))

"""From the lock to what pip installs with hashes checked."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from requirements import UnusableLock, main, requirements

LOCK = Path(__file__).parents[2] / "Pipfile.lock"


def test_each_package_of_the_lock_that_ships_is_there_with_its_version_and_all_hashes() -> None:
    lock = json.loads(LOCK.read_text())
    found = {}
    for entry in requirements(lock).replace(" \\\n", "").splitlines():
        specification, *hashes = entry.split("    --hash=")
        found[Requirement(specification).name] = (str(Requirement(specification).specifier), hashes)
    assert found == {name: (one["version"], sorted(one["hashes"])) for name, one in lock["default"].items()}


def test_markers_and_extras_are_kept() -> None:
    package = {
        "version": "==1.0",
        "hashes": ["sha256:b", "sha256:a"],
        "markers": "python_version >= '3.10'",
        "extras": ["y", "x"],
    }
    made = requirements({"default": {"p": package}})
    assert made == "p[x,y]==1.0 ; python_version >= '3.10' \\\n    --hash=sha256:a \\\n    --hash=sha256:b\n"


@pytest.mark.parametrize(
    "package",
    [
        {"version": "==1.0", "hashes": []},
        {"hashes": ["sha256:a"]},
        {"version": ">=1", "hashes": ["sha256:a"]},
        {"path": "."},
    ],
)
def test_what_cannot_be_checked_is_refused_by_name(package: dict[str, object]) -> None:
    with pytest.raises(UnusableLock, match=r"mine .*make lock"):
        requirements({"default": {"mine": package}})


def test_another_section_adds_what_the_default_one_has_not() -> None:
    def package(version: str) -> dict[str, object]:
        return {"version": version, "hashes": ["sha256:a"]}

    lock = {"default": {"p": package("==1")}, "web": {"p": package("==1"), "q": package("==2")}}
    assert requirements(lock, "web") == "q==2 \\\n    --hash=sha256:a\n"
    lock["sklearn"] = {"q": package("==2"), "r": package("==1")}
    assert requirements(lock, "web", "sklearn") == ""
    lock["sklearn"]["q"] = package("==1")
    with pytest.raises(UnusableLock, match=r"q has two versions, in \[sklearn\] and in \[web\]"):
        requirements(lock, "web", "sklearn")
    lock["web"]["p"] = package("==3")
    with pytest.raises(UnusableLock, match="p has two versions"):
        requirements(lock, "web")


def test_a_lock_that_cannot_be_used_is_named_with_the_mend(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for content, said in (("{}", "make lock"), ("not JSON", "Expecting value")):
        (tmp_path / "Pipfile.lock").write_text(content)
        assert main([str(tmp_path / "Pipfile.lock")]) == 2
        assert said in capsys.readouterr().err
    assert main([str(tmp_path / "nowhere")]) == 2

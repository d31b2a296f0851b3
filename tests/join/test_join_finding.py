"""A join is found by its short name or its module, and a wrong name says which there are."""

from __future__ import annotations

from pathlib import Path

import pytest

import threeways.systems
from threeways.errors import SettingsError
from threeways.join.finding import find

OWN = """
import msgspec
from threeways.join.join import Decision, Join

class Order(msgspec.Struct):
    id: str

join: Join[Order] = Join(
    name="orders", subject=Order, example=Order("1"), verdicts={}, expected=frozenset(), deadline=1.0,
    decide=lambda verdicts, expected, expired: Decision("ship"), effects=lambda order, decided: (),
)
"""


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Path:
    """A folder with modules of one's own, and with a system."""
    own = f"own{abs(hash(request.node.nodeid))}"
    package = tmp_path / own
    package.mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(threeways.systems, "__path__", [*threeways.systems.__path__, str(tmp_path)])
    return package


def test_by_module_and_by_short_name(write: Path) -> None:
    (write / "shop.py").write_text(OWN)
    (write / "other.py").write_text("import a_package_that_is_not_here\n")
    assert find(f"{write.name}.shop").name == "orders"
    assert find("orders").name == "orders"


def test_two_of_a_name_are_refused(write: Path) -> None:
    (write / "shop.py").write_text(OWN)
    (write / "shop2.py").write_text(OWN)
    with pytest.raises(SettingsError, match=r"JOIN=orders: .*shop and .*shop2 have this name"):
        find("orders")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x = 1\n", "holds no join; call its Join so: join = Join"),
        ("join = 3\n", "the join of .* is no threeways.join.join.Join but int"),
        ("import a_package_that_is_not_here\n", "needs a_package_that_is_not_here, which is not installed"),
        ("1 / 0\n", "cannot be imported: ZeroDivisionError"),
    ],
)
def test_what_is_no_join_says_why(write: Path, text: str, said: str) -> None:
    (write / "shop.py").write_text(text)
    with pytest.raises(SettingsError, match=said):
        find(f"{write.name}.shop")


def test_an_unknown_name_says_which_there_are(write: Path) -> None:
    (write / "shop.py").write_text(OWN)
    with pytest.raises(SettingsError, match=r"JOIN='nothing' is not a join here; there is .*orders"):
        find("nothing")
    with pytest.raises(SettingsError, match=r"there is no module nowhere here"):
        find("nowhere.join")

"""Find a join by its short name in `threeways.systems`, or by the name of a module of the user's own."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from threeways.errors import SettingsError
from threeways.join.join import Join

SYSTEMS = "threeways.systems"
_HOLDS_ONE = re.compile(r"^join\b(: [^=]+)? = ", re.MULTILINE)


def find(name: str) -> Join[Any]:
    """Return the join that `JOIN` names: a short name or a module (`my_package.my_join`).

    The join with a short name is the `join` of a module within a system. Raises SettingsError: there is none,
    or two, or the module cannot be imported or holds no `Join` called `join`.
    """
    if "." in name:
        return _join_of(name)
    found = {module: _join_of(module) for module in _modules()}
    named = {module: join for module, join in found.items() if join.name == name}
    if len(named) > 1:
        raise SettingsError(
            f"JOIN={name}: {' and '.join(named)} have this name; rename one, or give a module's name as JOIN"
        )
    for join in named.values():
        return join
    known = ", ".join(sorted(join.name for join in found.values())) or "none"
    raise SettingsError(
        f"JOIN={name!r} is not a join here; there is {known}. One of your own is named by its module, such "
        "as JOIN=my_package.my_join"
    )


def _modules() -> Iterator[str]:
    """Yield the modules of the systems that hold a join, by their text: others may need what is not here."""
    for place in importlib.import_module(SYSTEMS).__path__:
        for path in sorted(Path(place).glob("*/*.py")):
            if _HOLDS_ONE.search(path.read_text("utf-8")):
                yield f"{SYSTEMS}.{path.parent.name}.{path.stem}"


def _join_of(module: str) -> Join[Any]:
    try:
        join = getattr(importlib.import_module(module), "join", None)
    except ModuleNotFoundError as error:
        if error.name is not None and f"{module}.".startswith(f"{error.name}."):
            raise SettingsError(
                f"JOIN={module}: there is no module {error.name} here; install it, or start in its folder"
            ) from None
        raise SettingsError(f"JOIN: {module} needs {error.name}, which is not installed here") from error
    except SettingsError:
        raise  # it says itself what to mend, such as a policy's file
    except Exception as error:
        raise SettingsError(f"JOIN: {module} cannot be imported: {error!r}; mend it") from error
    if not isinstance(join, Join):
        kind = "no join" if join is None else f"a {type(join).__name__} as its join"
        raise SettingsError(
            f"JOIN: {module} holds {kind}; call its threeways.join.join.Join so: join = Join(…)"
        )
    return join

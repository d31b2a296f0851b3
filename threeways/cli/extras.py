"""The extras of the installed package: which of them brings a package that is not there."""

from __future__ import annotations

import re
import tomllib

from threeways import project
from threeways.errors import UsageError


def lacking(module: str) -> UsageError | None:
    """Explain how to install a module's package; None for a module that no extra brings."""
    top = module.partition(".")[0]
    found = [extra for extra, packages in declared().items() if _plain(top) in map(_plain, packages)]
    if not found:
        return None
    return UsageError(
        f"{top} is not installed: it comes with three-ways[{'], ['.join(found)}] or [all], say pip install "
        "'three-ways[all]'; in a checkout `make setup` installs it"
    )


def declared() -> dict[str, list[str]]:
    """Return the packages that each extra brings, by name."""
    text = (project.ROOT / "pyproject.toml").read_text(encoding="utf-8")
    extras: dict[str, list[str]] = tomllib.loads(text)["project"]["optional-dependencies"]
    return {
        extra: [re.split(r"[^\w.-]", line, maxsplit=1)[0] for line in lines]
        for extra, lines in extras.items()
        if extra != "all"
    }


def _plain(name: str) -> str:
    """Normalize a package's or a module's name, so that most are the same: cfn-lint is cfnlint."""
    return re.sub(r"[-_.]", "", name).lower()

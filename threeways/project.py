"""Where the files are that stand beside the package in a checkout, and inside of it once it is installed.

`[tool.hatch.build.targets.wheel.force-include]` in pyproject.toml puts copies of them into a wheel.
"""

from __future__ import annotations

from pathlib import Path

from threeways.errors import UsageError

_PACKAGE = Path(__file__).resolve().parent
_INSTALLED = _PACKAGE / "_project"
IS_CHECKOUT = not _INSTALLED.is_dir()
ROOT = _PACKAGE.parent if IS_CHECKOUT else _INSTALLED
"""The folder of template.yaml, lambda_function.py, model.py and web_service.py; a checkout has the rest."""


def require_checkout(what: str) -> None:
    """Require a checkout, whose files `what` needs. Raises UsageError in an installed package."""
    if not IS_CHECKOUT:
        raise UsageError(
            f"{what} needs the project's checkout: run it there, `python -m threeways …` or make"
        )

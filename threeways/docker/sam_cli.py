"""AWS SAM CLI: the checkout's own, which make sets up, else the one on the PATH."""

from __future__ import annotations

import shutil

from threeways import project
from threeways.errors import UsageError


def sam() -> str:
    """Return what it is called by; it need not be there."""
    own = project.ROOT / ".venv-sam" / "bin" / "sam"
    return str(own) if own.is_file() else "sam"


def require() -> None:
    """Require SAM CLI. Raises UsageError where there is none."""
    if shutil.which(sam()) is None:
        raise UsageError(
            "SAM CLI is not set up: python tools/setup_tool.py sam, or use `make deploy`; outside of a "
            "checkout install it, and have `sam` on the PATH"
        )

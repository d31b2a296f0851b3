"""Raise what ended a background thread of the emulator where its user asks for it."""

from __future__ import annotations

from threeways.errors import LocalError, LocalFailed


def raise_failure(failure: BaseException | None, what: str) -> None:
    """Raise why `what` failed, if it did: errors that are told as they are, and any other as a LocalError."""
    if isinstance(failure, LocalFailed | LocalError):
        raise failure
    if failure is not None:
        raise LocalError(f"{what} failed: {failure!r}") from failure

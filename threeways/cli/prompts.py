"""Questions before something is done that can't be taken back: on a terminal, or answered beforehand."""

from __future__ import annotations

import sys

import typer

from threeways.errors import UsageError


def agreed(question: str) -> bool:
    """Ask a yes-or-no question. Raises UsageError where there is no terminal to ask on."""
    if not sys.stdin.isatty():
        raise UsageError("a real AWS account is only touched when you say so: YES=1")
    return typer.confirm(question)


def typed(question: str) -> str:
    """Ask for a text. Raises UsageError where there is no terminal to ask on."""
    if not sys.stdin.isatty():
        raise UsageError("without a terminal to ask on it has to be said beforehand: YES=1")
    return input(f"{question} ")


def answered(question: str, default: str) -> str:
    """Ask for a text that has a default; an empty answer is for the caller to take as that."""
    return input(f"{question} [{default}]: ")

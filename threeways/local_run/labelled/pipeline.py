"""`make run SYSTEM=` of a system with late labels: events and labels in, live error out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from rich.console import Console

from threeways.atomic_files import write_json
from threeways.errors import UsageError
from threeways.interrupts import interruptible
from threeways.lifecycle.cohorts import Figures
from threeways.local_run.folders import new_folder
from threeways.local_run.labelled.run import labelled
from threeways.local_run.labelled.session import Accounts
from threeways.local_run.ledger import Ledger
from threeways.local_run.result import ledger_of
from threeways.local_run.session import named_faults
from threeways.local_run.system.running import Options
from threeways.settings import Settings

if TYPE_CHECKING:
    from threeways.training.registry import RegisteredModel

PACE = 1 / 360
"""Seconds of the run that a second of the events takes: an hour is ten seconds."""
EXACT = 1e-9


class LabelLedger(msgspec.Struct, frozen=True, kw_only=True):
    """The account of a run with late labels.

    consumer: its own ledger. labelled, unmatched: its predictions with and without a label. sides: outcomes
    without a prediction. lost: predictions and labels without an outcome. twice: outcomes that were told
    under two ids. duplicates: messages that repeat an id. live, completeness: by version.
    """

    consumer: Ledger
    labelled: int
    unmatched: int
    sides: dict[str, int]
    lost: int
    twice: int
    duplicates: int
    live: dict[str, Figures]
    completeness: dict[str, float]
    interrupted: bool = False

    @property
    def differs(self) -> bool:
        """Whether live error is not the ledger's, where one version predicted and each label came."""
        if len(self.live) != 1 or self.unmatched or self.consumer.rmse is None:
            return False
        [live] = self.live.values()
        return live.rmse is None or abs(live.rmse - self.consumer.rmse) > EXACT

    @property
    def failed(self) -> bool:
        """Whether something is lost or told twice, or live error is wrong."""
        return self.consumer.failed or bool(self.lost or self.twice or self.differs)

    @property
    def share_given_up(self) -> float:
        """The share of the events, broken records left out, that were given up."""
        return self.consumer.share_given_up


def run_labels(
    options: Options,
    find_model: Callable[[Settings], RegisteredModel],
    console: Console,
    local: Path,
    pause: str = "",
) -> LabelLedger:
    """Run a system with late labels once; writes `last-run.json` in the folder `local`.

    Raises UsageError where something cannot start. After Ctrl-C no more is put, and what was is waited for.
    """
    if pause:
        raise UsageError(f"PAUSE={pause}: SYSTEM={options.name} has late labels, and no pauses; leave it out")
    if not options.n:
        raise UsageError(
            f"N=0 is all of a file, and SYSTEM={options.name} makes its events; give N=1 or more"
        )
    folder = new_folder(local / "runs")
    with (
        named_faults(folder),
        interruptible() as stopping,
        labelled(options, find_model, console, folder, PACE) as session,
    ):
        hour = f"an hour of the events is {3600 * PACE:g} s"
        console.out(f"Putting events, and their labels when they have lasted: {hour}", highlight=False)
        session.start()
        session.watch(stopping)
        accounts = session.end()
        interrupted = stopping.is_set()
    ledger = _ledger(accounts, interrupted=interrupted)
    _show(console, ledger)
    told: dict[str, Any] = {**msgspec.to_builtins(ledger.consumer), "labels": _figures(ledger)}
    for path in (folder / "run.json", local / "last-run.json"):
        write_json(path, told)
    return ledger


def _ledger(accounts: Accounts, *, interrupted: bool) -> LabelLedger:
    [result] = accounts.consumers.values()
    live = {version: cohort for (_, version), cohort in accounts.live.items()}
    return LabelLedger(
        consumer=msgspec.structs.replace(ledger_of(result), interrupted=interrupted),
        labelled=accounts.labelled,
        unmatched=accounts.unmatched,
        sides=dict(accounts.sides),
        lost=accounts.lost,
        twice=len(accounts.twice),
        duplicates=accounts.duplicates,
        live={version: one.figures for version, one in live.items()},
        completeness={version: one.completeness for version, one in live.items()},
        interrupted=interrupted,
    )


def _figures(ledger: LabelLedger) -> dict[str, Any]:
    told: dict[str, Any] = msgspec.to_builtins(ledger)
    del told["consumer"]
    return told


def _told(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.items())


def _show(console: Console, ledger: LabelLedger) -> None:
    """Print the account."""
    own = ledger.consumer
    counts = {"predicted": own.predicted, "quarantined": own.quarantined, "lost": own.lost}
    outcomes = {
        "with a label": ledger.labelled, "without": ledger.unmatched, "lost": ledger.lost,
        "told twice": ledger.twice,
    }  # fmt: skip
    lines = [
        f"Events: {own.sent:,} sent, {_told(counts)}",
        f"Outcomes of predictions: {_told(outcomes)}",
    ]
    for version, one in ledger.live.items():
        if one.rmse is None or one.bias is None:
            continue
        coverage = "" if one.coverage is None else f", {one.coverage:.1%} within their interval"
        lines.append(
            f"Live error of {version[:12]}: RMSE {one.rmse:.4f}, bias {one.bias:+.3f}{coverage}, of "
            f"{one.n:,}; {ledger.completeness[version]:.1%} complete"
        )
    if own.rmse is not None:
        lines.append(f"The ledger's own RMSE: {own.rmse:.4f}" + (": it differs" if ledger.differs else ""))
    for line in lines:
        console.out(line, highlight=False)

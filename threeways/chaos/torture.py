"""The pipeline under throttles, resets, silence, kills and resharding; what became of every event."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from rich.console import Console
from rich.table import Table

from threeways.atomic_files import write_json
from threeways.chaos.function import FaultyFunction
from threeways.chaos.ledger import TortureLedger, out_of_order, wrong_ids
from threeways.chaos.reshard import Resharder
from threeways.chaos.schedule import Plan
from threeways.emulator.function.config import FunctionConfig
from threeways.emulator.server import Emulator
from threeways.interrupts import interruptible
from threeways.local_run import pipeline
from threeways.local_run.console import show_ledger, show_share
from threeways.local_run.folders import new_folder
from threeways.local_run.result import ledger_of
from threeways.local_run.session import named_faults, run_session
from threeways.local_run.stack import RunningStack
from threeways.local_run.watch.publisher import Publisher

if TYPE_CHECKING:
    from threeways.training.registry import RegisteredModel

SHARDS = 2
MOST_SHARDS = 4
POISON = 0.01
RESHARDS = 8
"""How often at least a run is resharded, unless it is stopped."""
SHOWN = 10


@dataclass(frozen=True, kw_only=True)
class Options(pipeline.Options):
    """What the user chose, as for `make run`, and the faults. seed: None takes a new one."""

    plan: Plan
    seed: int | None = None
    n: int = 100_000
    shards: int | None = SHARDS
    poison: float = POISON


def torture(
    options: Options, find_model: Callable[[], RegisteredModel], console: Console, local: Path
) -> TortureLedger:
    """Run the pipeline under faults; writes `torture.json` in the folder `local`.

    The seed settles what befalls each operation's k-th call; which events are in it is the machine's doing.
    Raises UsageError where something cannot start. Ctrl-C ends the run early, with its ledger.
    """
    seed = secrets.randbelow(2**31) if options.seed is None else options.seed
    console.out(f"Torture: {options.n:,} events, SEED={seed} FAULTS={options.plan}")
    workload, model, settings = pipeline.prepared(options, find_model, console)
    workload = replace(workload, key=keys_of(len(workload)))
    folder = new_folder(local / "runs")
    schedule = options.plan.schedule(seed)
    functions: list[FaultyFunction] = []

    def make(
        config: FunctionConfig, environment: Mapping[str, str], on_log: Callable[[str], None]
    ) -> FaultyFunction:
        functions.append(FaultyFunction(config, environment, on_log, schedule, console.print))
        return functions[-1]

    stack = RunningStack(
        folder,
        model,
        options.shards,
        console,
        settings=settings,
        emulator=Emulator(log=folder / "emulator.log", shard_limits=True),
        function=make,
    )
    with named_faults(folder), interruptible() as stopping, stack:
        stack.announce()
        resharder = Resharder(
            stack.kinesis,
            (stack.input_stream, stack.output_stream),
            seed,
            lambda: stack.mapping.counts().records,
            every=max(1, len(workload) // (RESHARDS + 1)),
            most=MOST_SHARDS,
        )
        resharder.start()
        try:
            result = run_session(stack, workload, None, stopping, console, Publisher(folder))
        finally:
            resharder.stop()
        struck = functions[0].proxy.counts() + Counter({"outage": schedule.began.total()})
    disordered, strange = out_of_order(result.account), wrong_ids(result.account, workload.events)
    ledger = TortureLedger(
        **msgspec.structs.asdict(ledger_of(result)),
        order_violations=len(disordered),
        kills=functions[0].killed,
        throttles=struck["throttled"],
        partial_failures=struck["partial_failures"],
        reshards=resharder.count,
        duplicates_with_new_id=len(strange),
        seed=seed,
        faults=str(options.plan),
        struck=dict(sorted(struck.items())),
    )
    show_ledger(console, ledger, result)
    show_share(console, ledger, options.tolerate)
    _show_struck(console, ledger)
    _show_verdict(console, ledger, options, disordered, strange)
    for path in (folder / "torture.json", local / "torture.json"):
        write_json(path, ledger)
    return ledger


def keys_of(n: int) -> Callable[[int], str]:
    """Partition keys that make order matter: three in ten events share 300 of them, the others n / 20."""

    def key(position: int) -> str:
        mixed = position * 2_654_435_761 % 2**32
        return f"hot-{mixed % 300}" if mixed % 10 < 3 else f"cold-{mixed % (n // 20 + 1)}"

    return key


def _show_struck(console: Console, ledger: TortureLedger) -> None:
    table = Table(title="What befell it", title_justify="left", show_header=False)
    table.add_column(overflow="fold")
    table.add_column(justify="right", no_wrap=True)
    for name, count in ledger.struck.items():
        table.add_row(name.replace("_", " "), f"{count:,}")
    table.add_row("function processes killed", f"{ledger.kills:,}")
    table.add_row("splits and merges", f"{ledger.reshards:,}")
    console.print(table)


def _show_verdict(
    console: Console,
    ledger: TortureLedger,
    options: Options,
    disordered: Sequence[str],
    strange: Sequence[str],
) -> None:
    for name, found in (
        ("order violations", disordered),
        ("predictions under another id", strange),
    ):
        console.print(
            f"[{'bold red' if found else 'bold green'}]{name} {len(found):,}[/] {', '.join(found[:SHOWN])}",
            soft_wrap=True,
        )
    again = f"make torture N={options.n} SEED={ledger.seed} FAULTS={ledger.faults}"
    if options.events:
        again += f" EVENTS='{options.events}'"
    if ledger.sound:
        console.print(
            f"[bold green]Nothing lost, nothing pending, nothing out of order.[/] Again: {again}",
            soft_wrap=True,
        )
    elif ledger.interrupted and not ledger.failed:
        console.out(
            f"Interrupted, with {ledger.pending:,} events still on the stream; up to there nothing is lost "
            f"or out of order. Again: {again}"
        )
    else:
        console.print(
            f"[bold red]Not sound[/]: lost {ledger.lost:,}, pending {ledger.pending:,}, order violations "
            f"{ledger.order_violations:,}, new ids {ledger.duplicates_with_new_id:,}. Again: {again}",
            soft_wrap=True,
        )

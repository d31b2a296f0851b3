"""The pipeline under throttles, resets, silence, kills and resharding; what became of every event."""

from __future__ import annotations

import secrets
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

import msgspec
from rich.console import Console
from rich.markup import escape

from threeways.atomic_files import write_json
from threeways.chaos.befallen import RESHARDED, by_part, show_struck
from threeways.chaos.function import FaultyFunction
from threeways.chaos.ledger import TortureLedger, out_of_order, wrong_ids
from threeways.chaos.promoter import FOLLOW_SECONDS, POINTER, Promoter, refused_versions
from threeways.chaos.reshard import Resharder
from threeways.chaos.schedule import Plan
from threeways.chaos.verdict import show_verdict
from threeways.emulator.faults import Rates
from threeways.emulator.function.config import FunctionConfig
from threeways.emulator.server import Emulator
from threeways.errors import UsageError
from threeways.interrupts import interruptible
from threeways.local_run import pipeline
from threeways.local_run.console import screen, show_ledger, show_share
from threeways.local_run.consumer import MakeFunction, RunningConsumer
from threeways.local_run.consumers_console import consumers_screen, show_side_by_side
from threeways.local_run.events import Workload
from threeways.local_run.folders import new_folder
from threeways.local_run.ledger import TOLERATED, Account
from threeways.local_run.pipeline import write_run
from threeways.local_run.progress import View
from threeways.local_run.result import Result, ledger_of
from threeways.local_run.session import named_faults, run_sessions
from threeways.local_run.stack import RunningStack
from threeways.local_run.started import Consumer, prepared, started
from threeways.local_run.watch.publisher import Publisher
from threeways.settings import Settings, named_in

if TYPE_CHECKING:
    from threeways.training.registry import RegisteredModel

SHARDS = 2
MOST_SHARDS = 4
POISON = 0.01
RESHARDS = 8
"""How often at least a run is resharded, unless it is stopped."""


@dataclass(frozen=True, kw_only=True)
class Options(pipeline.Options):
    """What the user chose, as for `make run`, and the faults.

    seed: None takes a new one. consumers: the names of several, as the user wrote them.
    """

    plan: Plan
    seed: int | None = None
    consumers: str = ""
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
    options = _seeded(options, console)
    workload, model, settings = pipeline.prepared(options, find_model, console)
    if options.plan.promote:
        settings = msgspec.structs.replace(settings, follow=POINTER, follow_seconds=FOLLOW_SECONDS)
    faulty, folder = _Faulty(options, console), new_folder(local / "runs")
    stack = RunningStack(
        folder,
        model,
        options.shards,
        console,
        settings=settings,
        emulator=Emulator(log=folder / "emulator.log", shard_limits=True),
        function=faulty.maker(workload.task.name),
    )
    with named_faults(folder), interruptible() as stopping, stack:
        stack.announce()
        attached = {workload.task.name: (stack, workload)}
        with screen(console) as shown, faulty.promoting(stack, model):
            results = faulty.run(attached, lambda views: _each(views, shown), Publisher(folder), stopping)
        [ledger] = faulty.accounts(results).values()
    for path in (folder / "torture.json", local / "torture.json"):
        write_json(path, ledger)
    return ledger


def torture_consumers(
    options: Options,
    consumers: Sequence[Consumer],
    find_model: Callable[[Settings], RegisteredModel],
    console: Console,
    local: Path,
) -> tuple[dict[str, TortureLedger], dict[str, UsageError]]:
    """Run several consumers of one input stream under faults; return their ledgers, and who was refused.

    Writes `torture.json` in the folder `local`, with the first one's account on top. Raises UsageError where
    none can start.
    """
    if options.plan.promote:
        raise UsageError("FAULTS: promote= is for a run with one consumer; leave it out, or CONSUMERS=")
    options = _seeded(options, console)
    made = prepared(options, consumers, find_model, console)
    faulty, folder = _Faulty(options, console), new_folder(local / "runs")
    with (
        named_faults(folder),
        interruptible() as stopping,
        started(made, options, console, folder, faulty.maker, shard_limits=True) as up,
    ):
        with consumers_screen(console) as show:
            results = faulty.run(up.attached, show, Publisher(folder, up.reasons), stopping)
        ledgers = faulty.accounts(results)
    show_side_by_side(console, ledgers, up.refused)
    write_run(folder, local, ledgers, up.reasons, ("torture.json", "torture.json"))
    return ledgers, up.refused


def _seeded(options: Options, console: Console) -> Options:
    seed = secrets.randbelow(2**31) if options.seed is None else options.seed
    console.out(f"Torture: {options.n:,} events, SEED={seed} FAULTS={options.plan}")
    return replace(options, seed=seed)


def _each(views: Mapping[str, View], shown: Callable[[View], None]) -> None:
    for view in views.values():
        shown(view)


class _Faulty:
    """Consumers whose functions meet faults, on streams that are resharded."""

    def __init__(self, options: Options, console: Console) -> None:
        self._options, self._console = options, console
        self._seed = options.seed or 0
        self._functions: dict[str, FaultyFunction] = {}
        self._schedules: dict[str, Rates] = {}
        self._reshards = 0
        self._promoter: Promoter | None = None

    def maker(self, name: str) -> MakeFunction:
        """Return what makes a consumer's function, with a schedule of its own."""
        schedule = self._options.plan.of(name).schedule(self._seed + len(self._schedules))
        self._schedules[name] = schedule

        def make(
            config: FunctionConfig, environment: Mapping[str, str], on_log: Callable[[str], None]
        ) -> FaultyFunction:
            function = FaultyFunction(config, environment, on_log, schedule, self._console.print)
            self._functions[name] = function
            return function

        return make

    def run(
        self,
        attached: Mapping[str, tuple[RunningConsumer, Workload]],
        show: Callable[[Mapping[str, View]], None],
        publisher: Publisher,
        stopping: threading.Event,
    ) -> dict[str, Result]:
        """Put the events under faults and resharding, by keys whose order matters."""
        keyed = {
            name: (one, replace(workload, key=keys_of(len(workload))))
            for name, (one, workload) in attached.items()
        }
        first, workload = next(iter(keyed.values()))
        resharder = Resharder(
            first.kinesis,
            (first.input_stream, *(one.output_stream for one, _ in keyed.values())),
            self._seed,
            lambda: first.mapping.counts().records,
            every=max(1, len(workload) // (RESHARDS + 1)),
            most=MOST_SHARDS,
        )
        resharder.start()
        try:
            return run_sessions(keyed, None, stopping, self._console, show, publisher)
        finally:
            resharder.stop()
            self._reshards = resharder.count

    @contextmanager
    def promoting(self, stack: RunningStack, model: RegisteredModel) -> Iterator[None]:
        """Promote models meanwhile, where FAULTS says so."""
        if not self._options.plan.promote:
            yield
            return
        self._promoter = Promoter(stack.emulator, model, stack.task, stack.folder, self._options.plan.promote)
        self._promoter.start()
        try:
            yield
        finally:
            self._promoter.stop()

    def accounts(self, results: Mapping[str, Result]) -> dict[str, TortureLedger]:
        """Print and return each consumer's account."""
        ledgers = {}
        for name, result in results.items():
            if len(results) > 1:
                self._console.rule(f"consumer {escape(name)}", align="left", characters="─")
            ledgers[name] = self._account(name, result)
        return ledgers

    def _account(self, name: str, result: Result) -> TortureLedger:
        function, schedule = self._functions[name], self._schedules[name]
        struck = function.proxy.counts() + Counter({"outage": schedule.began.total()})
        disordered, strange = out_of_order(result.account), wrong_ids(result.account, result.events)
        ledger = TortureLedger(
            **msgspec.structs.asdict(ledger_of(result)),
            order_violations=len(disordered),
            kills=function.killed,
            throttles=struck["throttled"],
            partial_failures=struck["partial_failures"],
            reshards=self._reshards,
            duplicates_with_new_id=len(strange),
            seed=self._seed,
            faults=str(self._options.plan),
            struck=dict(sorted(struck.items())),
            **self._promoted(function, result.account),
        )
        show_ledger(self._console, ledger, result)
        show_share(self._console, ledger, self._options.tolerate)
        show_struck(self._console, befallen(ledger))
        again = again_command(self._options, ledger.seed)
        show_verdict(self._console, ledger, again, disordered, strange)
        return ledger

    def _promoted(self, function: FaultyFunction, account: Account) -> dict[str, Any]:
        if self._promoter is None:
            return {}
        by_refused = sum(1 for _ in refused_versions(account.predictions.values()))
        mixed = function.invocations.mixed(account.predictions)
        return {"promotions": self._promoter.count, "mixed_batches": mixed, "by_refused": by_refused}


def keys_of(n: int) -> Callable[[int], str]:
    """Partition keys that make order matter: three in ten events share 300 of them, the others n / 20."""

    def key(position: int) -> str:
        mixed = position * 2_654_435_761 % 2**32
        return f"hot-{mixed % 300}" if mixed % 10 < 3 else f"cold-{mixed % (n // 20 + 1)}"

    return key


def befallen(ledger: TortureLedger) -> dict[str, int]:
    """Return what befell the run, each once: a killed process is one of a kill, and not told besides."""
    found = by_part("function", ledger.struck) + Counter({RESHARDED: ledger.reshards})
    return dict(sorted(found.items()))


def again_command(options: Options, seed: int) -> str:
    """Return the command that runs this again, with all that was given."""
    given: dict[str, object] = {
        "N": options.n,
        "SEED": seed,
        "FAULTS": options.plan,
        "EVENTS": options.events,
        "ACTUAL": options.columns.actual,
        "ID": options.columns.id,
        "TOLERATE": None if options.tolerate == TOLERATED else options.tolerate,
        "CONSUMERS": options.consumers or None,
        # with several the settings' own task is that of none of them
        **({} if options.consumers else named_in(options.settings)),
    }
    words = [f"{name}={quote(str(value))}" for name, value in given.items() if value is not None]
    return f"make torture {' '.join(words)}"

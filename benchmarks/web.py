"""The web service beside the usual way: Flask, gunicorn and MLflow's pyfunc, one ride a request.

Beside `mlflow models serve` too, with the same request to `/invocations`, one row each.

All serve the same model on this machine, in interleaved rounds, and one load generator asks each over
connections that each send the next request when the last is answered. Prints medians and writes
`.local/bench-web.json`. All are kept to one OpenMP thread a process, which is faster for each here.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]
from load import Load, ask  # noqa: E402 - it is beside this file

LOCAL = ROOT / ".local"
CONNECTIONS, BATCH = 64, 10_000
WORKERS = 2
GOALS = {"requests": 10.0, "p99": 1.0, "batch": 100.0, "invocations": 10.0}


@contextmanager
def served(command: list[str], environment: dict[str, str], port: int) -> Iterator[int]:
    """A service in processes of its own, from when it takes connections; yields its port."""
    env = os.environ | {"OMP_NUM_THREADS": "1"} | environment
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(  # noqa: S603 - one of those below
            command, cwd=ROOT, env=env, stdout=log, stderr=log, start_new_session=True
        )
        try:
            _wait_for(port, process)
            yield port
        finally:
            with suppress(ProcessLookupError):  # it has ended
                os.killpg(process.pid, signal.SIGTERM)  # MLflow's command starts its server as a child
            process.wait(30)


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    import time

    for _ in range(600):
        if process.poll() is not None:
            sys.exit(f"the service ended with {process.returncode}: run `make web` to see why")
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    sys.exit("the service did not start within a minute")


def free_port() -> int:
    """A port that is free now."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def ours(folder: Path, gather: int = 256) -> tuple[list[str], dict[str, str], int]:
    """This project's service, one process."""
    port = free_port()
    given = {"MODEL_LOCATION": str(folder), "WEB_PORT": str(port), "WEB_GATHER": str(gather)}
    return [sys.executable, "web_service.py"], given, port


def usual(folder: Path) -> tuple[list[str], dict[str, str], int]:
    """The usual one under gunicorn, with a worker for each of two cores."""
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", "--workers", str(WORKERS), f"--bind=127.0.0.1:{port}"]
    return [*command, "--chdir", "benchmarks", "usual_web:app"], {"MODEL": str(folder)}, port


def mlflow_server(folder: Path) -> tuple[list[str], dict[str, str], int]:
    """MLflow's own, with a worker for each of two cores."""
    port = free_port()
    command = [sys.executable, "-m", "mlflow", "models", "serve", "--model-uri", str(folder)]
    options = ["--host=127.0.0.1", f"--port={port}", "--env-manager=local", f"--workers={WORKERS}"]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # it looks for uvicorn there
    return [*command, *options], {"PATH": path}, port


def rows_of(payloads: list[bytes]) -> list[bytes]:
    """The events' features in MLflow's scoring protocol, a row each."""
    from threeways.systems.taxi.duration import task

    events = [task.decode(payload) for payload in payloads]
    block = task.features(events, [datetime.now(UTC)] * len(events)).block
    columns = list(task.columns)
    return [
        json.dumps({"dataframe_split": {"columns": columns, "data": [row]}}).encode()
        for row in block.tolist()
    ]


def rides(count: int) -> list[bytes]:
    """Events of the synthetic city."""
    from threeways.systems.taxi.trips.city import trips
    from threeways.systems.taxi.trips.cleaning import clean
    from threeways.systems.taxi.trips.rides import payloads_of

    frame = trips(2021, 3, rides=2 * count).frame
    return list(payloads_of(frame[clean(frame).valid]))[:count]


def measured(folder: Path, seconds: float, rounds: int, console: Console) -> dict[str, list[Load]]:
    """Each side's rounds, in turn; the first of each warms it up and is left out."""
    single = rides(BATCH)
    batch = [b"[" + b",".join(single) + b"]"]
    rows = rows_of(single[:1_000])
    found: dict[str, list[Load]] = {
        "ours": [], "alone": [], "usual": [], "mlflow": [], "batch": [], "rows": [],
    }  # fmt: skip
    with ExitStack() as services:
        ports = {
            "ours": services.enter_context(served(*ours(folder))),
            "alone": services.enter_context(served(*ours(folder, gather=1))),
            "usual": services.enter_context(served(*usual(folder))),
            "mlflow": services.enter_context(served(*mlflow_server(folder))),
        }
        ports["batch"] = ports["rows"] = ports["ours"]
        for round_number in range(rounds + 1):
            console.print(f"round {round_number} of {rounds}" + ("" if round_number else ", to warm up"))
            for side, port in ports.items():
                bodies, path, connections = single, "/predict", CONNECTIONS
                if side == "batch":
                    bodies, path, connections = batch, "/predict/batch", 1
                elif side in {"rows", "mlflow"}:
                    bodies, path = rows, "/invocations"
                load = ask(port, path, bodies, connections, seconds if round_number else 1)
                if load.failed:
                    sys.exit(f"{side}: {load.failed} requests failed: no measure")
                if round_number:
                    found[side].append(load)
    return found


def measures(found: dict[str, list[Load]]) -> list[dict[str, Any]]:
    """What was found, by name, with ratios that are better when higher, and goals."""
    rate = {side: median(load.rate for load in loads) for side, loads in found.items()}
    p99 = {side: median(load.p99 for load in loads) for side, loads in found.items()}
    rows = [
        ("requests a second", rate["ours"], rate["usual"], rate["ours"] / rate["usual"], GOALS["requests"]),
        ("p99, milliseconds", p99["ours"] * 1e3, p99["usual"] * 1e3, p99["usual"] / p99["ours"],
         GOALS["p99"]),
        ("rides a second in batches of 10,000", rate["batch"] * BATCH, rate["usual"],
         rate["batch"] * BATCH / rate["usual"], GOALS["batch"]),
        ("requests a second, gathering switched off", rate["alone"], rate["usual"],
         rate["alone"] / rate["usual"], None),
        ("requests a second to /invocations; usual: mlflow models serve", rate["rows"], rate["mlflow"],
         rate["rows"] / rate["mlflow"], GOALS["invocations"]),
        ("the same, p99, milliseconds", p99["rows"] * 1e3, p99["mlflow"] * 1e3,
         p99["mlflow"] / p99["rows"], GOALS["p99"]),
    ]  # fmt: skip
    return [
        {"name": name, "ours": mine, "usual": theirs, "ratio": ratio, "goal": goal,
         "met": None if goal is None else ratio >= goal}
        for name, mine, theirs, ratio, goal in rows
    ]  # fmt: skip


def main() -> None:
    """Measure and tell: a ratio is this machine's, on this day, and fails nothing."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    console = Console()
    from threeways.training.train import resolve_or_train

    folder = resolve_or_train(console=console, folder=LOCAL).folder
    rows = measures(measured(folder, given.seconds, given.rounds, console))
    table = Table(
        title=f"Web service, {CONNECTIONS} connections: medians of {given.rounds} interleaved rounds",
        title_justify="left",
    )
    for name in ("", "ours", "usual", "ratio", "goal"):
        table.add_column(name, justify="left" if not name else "right")
    for row in rows:
        numbers = (*(f"{row[side]:,.0f}" for side in ("ours", "usual")), f"{row['ratio']:.1f} x")
        goal = f"{row['goal']:g} x: {'met' if row['met'] else 'MISSED'}" if row["goal"] else ""
        table.add_row(row["name"], *numbers, goal)
    console.print(table)
    LOCAL.mkdir(exist_ok=True)
    (LOCAL / "bench-web.json").write_text(json.dumps({"measures": rows}, indent=2) + "\n")
    console.print(f"Written to {LOCAL / 'bench-web.json'}")


if __name__ == "__main__":
    main()

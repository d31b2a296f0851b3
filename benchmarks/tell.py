"""The table that is printed and the JSON that is written: what was measured, on what."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.measure import Measure

PACKAGES = ("boto3", "mlflow", "msgspec", "numpy", "onnxruntime", "scikit-learn", "skops")


def table(measures: Sequence[Measure], title: str) -> Table:
    """Both sides' medians, the ratio with its quartiles, and the goal."""
    shown = Table(title=title, title_justify="left", pad_edge=False)
    for name in ("", "ours", "usual", "floor", "ratio (quartiles)", "goal"):
        shown.add_column(name, justify="right" if name else "left", no_wrap=bool(name))
    for one in measures:
        low, high = (number(value) for value in one.quartiles)
        of = " of floor" if one.against == "floor" else ""
        sides = (number(value) for value in (one.ours, one.usual, one.floor))
        shown.add_row(one.name, *sides, f"{number(one.ratio)}{of} ({low} - {high})", goal(one))
    return shown


def number(value: float | None) -> str:
    """Three digits that count."""
    if value is None:
        return "-"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def goal(one: Measure) -> str:
    """The goal, and whether it is reached."""
    if one.goal is None:
        return ""
    return f"{'<=' if one.at_most else '>='} {one.goal:g}: {'met' if one.met else 'MISSED'}"


def machine() -> dict[str, Any]:
    """Describe the machine that the benchmark ran on."""
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "system": f"{platform.system()} {platform.release()}",
        "load": round(os.getloadavg()[0], 2),
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        return platform.processor()
    return platform.machine()


def versions() -> dict[str, str]:
    """The packages that the figures depend on."""
    return {"python": platform.python_version()} | {
        name: importlib.metadata.version(name) for name in PACKAGES
    }


def write(path: Path, measures: Sequence[Measure], console: Console, **more: Any) -> None:
    """The measures as JSON. What `make bench-growth` has put into the file stays."""
    growth = {"growth": json.loads(path.read_text()).get("growth", [])} if path.exists() else {}
    rows = [one.plain() for one in measures]
    put(path, {"measures": rows, "machine": machine(), "versions": versions(), **growth, **more}, console)


def put(path: Path, content: dict[str, Any], console: Console) -> None:
    """JSON in a file that is there whole or not at all."""
    path.parent.mkdir(exist_ok=True)
    part = path.with_suffix(".part")
    part.write_text(json.dumps(content, indent=2) + "\n")
    part.replace(path)
    console.print(f"Written to {path}", highlight=False)

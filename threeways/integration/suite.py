"""What `threeways integration-test` does: runs the tests of `integration-test/` on the site asked for.

It says first what it will touch, and ends with one line of result.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable

from rich.console import Console

from threeways import project
from threeways.docker import engine, images
from threeways.emulator import container
from threeways.errors import EngineError, LocationError, UsageError
from threeways.integration import sites
from threeways.settings import inherited_environment

HERE = project.ROOT / "integration-test"
NO_ENGINE = """\
NOT TESTED: the image. {why}
  Instead the same handler runs in AWS's runtime interface client on this machine, against {emulator}. What
  that cannot show: that the image builds, what is in it, its size, its libraries, its read-only file system.
  To test it: install Docker and run `make integration-test` again.
"""


def run(
    emulator: str,
    image: str | None,
    target: str,
    function: str | None,
    console: Console,
    confirmed: Callable[[str], bool],
) -> bool:
    """Run the tests; whether all of them passed. confirmed: asks before a real account is touched.

    image: one that is built; None: that of the Dockerfile's `target` is built. function: a deployed one, for
    the emulator `aws`. Raises UsageError where it could not start, with the mend.
    """
    project.require_checkout("the integration test")
    if emulator not in sites.EMULATORS:
        raise UsageError(f"EMULATOR={emulator} is unknown: give {', '.join(sites.EMULATORS)}")
    if emulator == "aws":
        announce(function, console, confirmed)
        image = None
    else:
        image = the_image(image, target, emulator, console)
    what = f"function {function}" if emulator == "aws" else f"image {image}" if image else "no image"
    tell(console, f"Integration test: {what}, EMULATOR={emulator}")
    batch, join = images.tag_of("batch"), images.tag_of(images.JOIN)
    path = (project.ROOT, project.ROOT / "tools", HERE)
    chosen = {
        "PYTHONPATH": os.pathsep.join(map(str, path)),  # read before pytest's own setting
        "EMULATOR": emulator,
        "IMAGE": image or "",
        "BATCH_IMAGE": batch if image and engine.exists(batch) else "",
        "JOIN_IMAGE": join if image and engine.exists(join) else "",
        "FUNCTION": function or "",
    }
    pytest = [sys.executable, "-m", "pytest", "-p", "site_fixtures", str(HERE)]
    pytest += ["-v", "--tb=short", "--durations=3", "-s"]
    done = subprocess.run(pytest, cwd=project.ROOT, env=inherited_environment() | chosen, check=False)  # noqa: S603 - ours
    verdict = "passed" if done.returncode == 0 else "FAILED"
    missing = "" if image or emulator == "aws" else "; THE IMAGE WAS NOT TESTED, see above"
    tell(console, f"Integration test {verdict}: {what}, EMULATOR={emulator}{missing}")
    return done.returncode == 0


def the_image(named: str | None, target: str, emulator: str, console: Console) -> str | None:
    """Return the image to test, built unless one is named; None where there is no engine, which is told."""
    why = engine.missing()
    if why and named:
        raise EngineError(f"IMAGE={named} needs a container engine. {why}")
    if why:
        tell(Console(stderr=True), NO_ENGINE.format(why=why, emulator=emulator))
        return None
    container.remove_leftovers()
    if named:
        engine.require_runnable(named)
        return named
    tell(console, "Building the image; IMAGE= takes one that is built")
    tag = images.build(target=target, console=console)
    images.tell_size(tag, target, console)
    return tag


def announce(function: str | None, console: Console, confirmed: Callable[[str], bool]) -> None:
    """Say what of which account will be touched, and ask. Raises LocationError."""
    if not function:
        raise LocationError("EMULATOR=aws tests a deployed function: name it, or its alias, FUNCTION=name")
    site = sites.deployed(function)
    target = site.target
    tell(
        console,
        f"This touches {target.whose}:\n"
        f"  invokes {target.name} with the recorded events of tests/events/\n"
        f"  puts {site.events:,} events on {site.input_stream}, one in twenty of them broken\n"
        f"  so that predictions land on {target.output_stream}, broken ones in {target.quarantine}, to stay",
    )
    if target.real and not confirmed("Go on?"):
        raise LocationError("nothing was touched")


def tell(console: Console, line: str) -> None:
    """Print a line as it is."""
    console.out(line, highlight=False)

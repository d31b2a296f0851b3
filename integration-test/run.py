"""`make integration-test`: the image as it is deployed, against an emulator or a deployed stack.

Says what it will touch, brings it up, runs the tests of this folder, and ends with one line of result.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tools")]

import container  # noqa: E402 - the paths first
import engine  # noqa: E402
import image as build  # noqa: E402
import sites  # noqa: E402

from threeways.errors import LocationError, ThreewaysError, UsageError  # noqa: E402

NO_ENGINE = """\
NOT TESTED: the image. {why}
  Instead the same handler runs in AWS's runtime interface client on this machine, against {emulator}. What
  that cannot show: that the image builds, what is in it, its size, its libraries, its read-only file system.
  To test it: install Docker and run `make integration-test` again.
"""


def main() -> int:
    """0: all passed. 1: a test failed. 2: it could not start, with the mend."""
    parser = argparse.ArgumentParser(description="Test the image as it is deployed.")
    parser.add_argument("--emulator", default="moto")
    parser.add_argument("--image")
    parser.add_argument("--target", choices=build.FUNCTIONS, default=build.FUNCTION, help="without --image")
    parser.add_argument("--function", help="a deployed function or alias, for EMULATOR=aws")
    parser.add_argument("--yes", action="store_true", help="do not ask before a real account is touched")
    given = parser.parse_args()
    try:
        if given.emulator not in sites.EMULATORS:
            raise UsageError(f"EMULATOR={given.emulator} is unknown: give {', '.join(sites.EMULATORS)}")
        if given.emulator == "aws":
            announce(given.function, agreed=given.yes)
            image = None
        else:
            image = the_image(given.image, given.target, given.emulator)
    except (engine.EngineError, ThreewaysError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    what = (
        f"function {given.function}" if given.emulator == "aws" else f"image {image}" if image else "no image"
    )
    print(f"Integration test: {what}, EMULATOR={given.emulator}", flush=True)
    path = os.pathsep.join(
        str(part) for part in (ROOT, ROOT / "tools", HERE)
    )  # read before pytest's own setting
    chosen = {
        "PYTHONPATH": path,
        "EMULATOR": given.emulator,
        "IMAGE": image or "",
        "BATCH_IMAGE": build.tag_of("batch") if image and engine.exists(build.tag_of("batch")) else "",
        "FUNCTION": given.function or "",
    }
    pytest = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "site_fixtures",
        str(HERE),
        "-v",
        "--tb=short",
        "--durations=3",
        "-s",
    ]
    done = subprocess.run(pytest, cwd=ROOT, env=os.environ | chosen, check=False)  # noqa: S603 - ours
    verdict = "passed" if done.returncode == 0 else "FAILED"
    missing = "" if image or given.emulator == "aws" else "; THE IMAGE WAS NOT TESTED, see above"
    print(f"Integration test {verdict}: {what}, EMULATOR={given.emulator}{missing}")
    return 1 if done.returncode else 0


def the_image(named: str | None, target: str, emulator: str) -> str | None:
    """The image to test, built unless one is named; None where there is no engine, said loudly."""
    why = engine.missing()
    if why and named:
        raise engine.EngineError(f"IMAGE={named} needs a container engine. {why}")
    if why:
        print(NO_ENGINE.format(why=why, emulator=emulator), file=sys.stderr, flush=True)
        return None
    container.remove_leftovers()
    if named:
        engine.require_runnable(named)
        return named
    print("Building the image; IMAGE= takes one that is built", flush=True)
    tag = build.build(target=target)
    build.tell_size(tag, target)
    return tag


def announce(function: str | None, *, agreed: bool) -> None:
    """Say what of which account will be touched, and ask. Raises LocationError."""
    if not function:
        raise LocationError("EMULATOR=aws tests a deployed function: name it, or its alias, FUNCTION=name")
    site = sites.deployed(function)
    target = site.target
    print(
        f"This touches {target.whose}:\n"
        f"  invokes {target.name} with the recorded events of tests/events/\n"
        f"  puts {site.rides:,} rides on {site.input_stream}, one in twenty of them broken\n"
        f"  so that predictions land on {target.output_stream}, broken rides in {target.quarantine}, to stay",
        flush=True,
    )
    if target.real and not agreed:
        if not sys.stdin.isatty():
            raise LocationError("a real AWS account is only touched when you say so: YES=1")
        if input("Go on? [y/N] ").strip().lower() not in ("y", "yes"):
            raise LocationError("nothing was touched")


if __name__ == "__main__":
    sys.exit(main())

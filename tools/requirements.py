"""Prints a lock's packages as pip requirements with hashes: `requirements.py Pipfile.lock [section …]`.

The section is `default`, the Pipfile's `[packages]`, if not given. Sections after the first are installed
already, as `default` is: what they have is left out.

Standard library only: it runs inside the image's build. The format is pip's own,
pip.pypa.io/en/stable/topics/secure-installs/. No package source is written: pip's configuration has that.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any


class UnusableLock(Exception):
    """The lock cannot be installed with its hashes checked; the message says why and how to mend it."""


def requirements(lock: dict[str, Any], section: str = "default", *installed: str) -> str:
    """One requirement a package, by name, each with its version, marker and all of its hashes.

    lock: a Pipfile.lock, parsed. Of a section other than the default one: what neither that nor those
    `installed` have. Raises UnusableLock for a package without an exact version or a hash, or with two
    versions.
    """
    packages = lock.get(section)
    if not packages:
        raise UnusableLock(f"the lock has no packages in [{section}]: run `make lock`")
    wanted = dict(packages)
    for base in ("default", *installed) if section != "default" else ():
        for name in packages.keys() & lock.get(base, {}).keys():
            if packages[name].get("version") != lock[base][name].get("version"):
                raise UnusableLock(
                    f"{name} has two versions, in [{base}] and in [{section}]: run `make lock`"
                )
            wanted.pop(name, None)
    return "".join(_requirement(name, package) for name, package in sorted(wanted.items()))


def _requirement(name: str, package: dict[str, Any]) -> str:
    version, hashes = package.get("version", ""), package.get("hashes", [])
    if not version.startswith("==") or not hashes:
        raise UnusableLock(
            f"{name} is locked without an exact version or without a hash (a path or a repository?): "
            "name a released version in the Pipfile and run `make lock`"
        )
    extras = f"[{','.join(sorted(package['extras']))}]" if package.get("extras") else ""
    marker = f" ; {package['markers']}" if package.get("markers") else ""
    checked = "".join(f" \\\n    --hash={one}" for one in sorted(hashes))
    return f"{name}{extras}{version}{marker}{checked}\n"


def main(arguments: list[str]) -> int:
    """Print the requirements; 0, or 2 with the mend on standard error."""
    if not arguments:
        print("usage: requirements.py Pipfile.lock [section [installed section …]]", file=sys.stderr)
        return 2
    try:
        print(
            requirements(json.loads(Path(arguments[0]).read_text(encoding="utf-8")), *arguments[1:]), end=""
        )
    except (OSError, ValueError, UnusableLock) as error:
        print(f"error: {arguments[0]}: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

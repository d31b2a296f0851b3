"""Prints the licence notices of installed packages: `notices.py FOLDER > THIRD_PARTY_NOTICES.txt`.

For each its name, version, licence, where its source is, and which files of the folder have the licence's
text. Standard library only: it runs inside the images' build, on what is left after `strip_packages.py`, and
ends with status 2 for a package that says no licence and has no text of one.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from importlib.metadata import Distribution, distributions
from pathlib import Path

HEAD = """Third-party software in this image

Python packages, as they were released, but for the files that tools/strip_packages.py removes (tests,
headers, sources that only compilers read). Each is under its own licence; the texts are in the files named
here. The source of each, also of those whose licence asks for it to be had (LGPL, MPL), is where it says so.
"""
_TEXTS = re.compile(r"(licen[cs]e|copying|notice|authors|third.?party)", re.IGNORECASE)
_SOURCE = ("source", "source code", "code", "repository", "github", "homepage", "home", "changelog")
_CLASSIFIER = "License :: "
_LONG = 100


def main(arguments: list[str]) -> int:
    """Print the notices; 0, or 2 where a package says no licence."""
    if len(arguments) != 1:
        print("usage: notices.py FOLDER", file=sys.stderr)
        return 2
    packages = sorted(distributions(path=arguments), key=lambda one: one.name.lower())
    folder = Path(arguments[0])
    unknown = [one.name for one in packages if not licence(one) and not texts(one, folder)]
    if unknown:
        print(f"error: no licence is said by {', '.join(unknown)}: see to it by hand", file=sys.stderr)
        return 2
    print(HEAD)
    for one in packages:
        print("\n".join(notice(one, folder)))
    return 0


def notice(package: Distribution, folder: Path) -> Iterator[str]:
    """Yield the lines of a package's notice."""
    yield f"{package.name} {package.version}"
    yield f"  licence: {licence(package) or 'as its text says'}"
    yield f"  source:  {source(package)}"
    for text in texts(package, folder):
        yield f"  text:    {text}"
    yield ""


def licence(package: Distribution) -> str:
    """Return what a package says of its licence: an SPDX expression, its short name, or its classifiers."""
    said = package.metadata
    classifiers = [line for line in said.get_all("Classifier", []) if line.startswith(_CLASSIFIER)]
    short = str(said.get("License") or "")
    if said.get("License-Expression"):
        return str(said["License-Expression"])
    return short if short and len(short) < _LONG and "\n" not in short else _of_classifiers(classifiers)


def _of_classifiers(lines: list[str]) -> str:
    return ", ".join(line.rpartition(" :: ")[2] for line in lines)


def source(package: Distribution) -> str:
    """Return where its source is, by its metadata; else its page of the package index."""
    links = [line.partition(", ") for line in package.metadata.get_all("Project-URL", [])]
    by_name = {name.strip().lower(): url.strip() for name, _, url in links}
    by_name.setdefault("home", str(package.metadata.get("Home-page") or ""))
    return next(
        (by_name[name] for name in _SOURCE if by_name.get(name)), f"the source release {package.version}"
    )


def texts(package: Distribution, folder: Path) -> list[str]:
    """Return the files with the texts of its licences, relative to the folder."""
    listed = {
        str(path) for path in package.files or [] if _TEXTS.search(path.name) or "/licenses/" in str(path)
    }
    return sorted(
        one for one in listed if (folder / one).is_file() and not one.endswith((".py", ".pyc", ".so"))
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

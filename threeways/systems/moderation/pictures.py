"""Perceptual hashes of pictures, as an upload's `frames` and a catalogue's works have them.

`python -m threeways.systems.moderation.pictures PICTURES…` writes a hash for each picture; with `--work NAME`
it writes a line for a catalogue. The package is ImageHash, of the extra `pictures`; whatever else makes the
same 64 bits will do.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from threeways.errors import DataError


def hash_of(picture: Path) -> str:
    """Return a picture's hash: signs of the low frequencies of its cosine transform. Raises DataError.

    They stay where a picture is shrunk, blurred or recoded, and where its sides are stretched. A part that is
    cut off changes them.
    """
    try:
        import imagehash
        from PIL import Image, UnidentifiedImageError
    except ModuleNotFoundError as error:
        raise DataError(
            f"{error.name} is not installed: it comes with three-ways[pictures], say pip install "
            "'three-ways[pictures]'; in a checkout `make setup` installs it"
        ) from error
    try:
        with Image.open(picture) as opened:
            return str(imagehash.phash(opened))
    except UnidentifiedImageError as error:
        raise DataError(f"{picture} is no picture that Pillow reads; give JPEG, PNG or WebP") from error
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise DataError(f"{picture} cannot be read: {error}") from error


def main(arguments: Sequence[str]) -> int:
    """Write the hashes of the pictures that the arguments name; return 0, or 2 for a file that is none."""
    parser = argparse.ArgumentParser(prog="pictures", description="Perceptual hashes of pictures.")
    parser.add_argument(
        "--work", help="the name of the work whose frames they are: writes a catalogue's line"
    )
    parser.add_argument("pictures", nargs="+", type=Path)
    given = parser.parse_args(arguments)
    try:
        hashes = [hash_of(picture) for picture in given.pictures]
    except DataError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    if given.work is not None:
        line = msgspec.json.encode({"name": given.work, "frames": hashes}).decode()
        sys.stdout.write(f"{line}\n")
        return 0
    for picture, one in zip(given.pictures, hashes, strict=True):
        sys.stdout.write(f"{one}  {picture}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

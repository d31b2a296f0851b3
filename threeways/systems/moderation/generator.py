"""Uploads with known truth: short texts of a small grammar, and frames of which some are a catalogue's.

Categories are rare, and partly come together. A text is ambiguous: not every upload of a category says so,
and harmless ones use its words. A copy has a few frames of a work with some bits flipped, as other sizes,
blur and contrast do. Everything is determined by the seed.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random
from typing import Annotated, Any

from msgspec import Meta

from threeways.systems.moderation.uploads import FrameHash, Upload

CATEGORIES = ("copyright", "nsfw", "violence", "toxicity")
CATALOGUE_SEED = 0
"""The catalogue that copies are of."""
WORKS = 200

_RATES = {"copyright": 0.07, "nsfw": 0.07, "violence": 0.08, "toxicity": 0.08}
"""How often an upload of no special topic is of a category."""
_TOGETHER = {("violence", "toxicity"): 2.0, ("copyright", "nsfw"): 1.6, ("copyright", "violence"): 1.4}
"""Of two categories: how much more often the second holds where the first does."""
_FLIPPED = ((0, 1, 2, 3, 4, 6), (40, 20, 18, 10, 8, 4))
"""How many bits a copy's frame differs in, and how often: as of pictures shrunk, blurred, recoded."""
_ALTERED = range(6, 17)
"""The same of a copy that was altered on purpose."""


@dataclass(frozen=True, slots=True)
class LabelledUpload:
    """An upload and what it really is. truth: of `CATEGORIES` those that hold."""

    upload: Upload
    truth: frozenset[str]


@dataclass(frozen=True, slots=True)
class Work:
    """A work of a catalogue. frames: their perceptual hashes."""

    name: Annotated[str, Meta(min_length=1, max_length=200)]
    frames: tuple[FrameHash, ...]


def uploads(count: int, seed: int, works: Sequence[Work] = ()) -> list[LabelledUpload]:
    """Return so many uploads; the first ones are the same for every count.

    works: those that copies are of, each with a frame at least; default: the generated catalogue's.
    """
    random = Random(f"uploads {seed}")  # noqa: S311  (nothing here is secret)
    works = works or catalogue()
    return [_labelled(random, f"u{seed}-{number}", works) for number in range(count)]


@cache
def catalogue(seed: int = CATALOGUE_SEED, works: int = WORKS) -> tuple[Work, ...]:
    """Return works of 5 to 20 frames, each with a name of its own."""
    random = Random(f"catalogue {seed}")  # noqa: S311
    names = _vocabulary()["works"]
    titles = [f"{one} {other}" for one in names["adjectives"] for other in names["nouns"]]
    random.shuffle(titles)
    made = []
    for number in range(works):
        part, place = divmod(number, len(titles))
        name = f"{titles[place]} {part + 1}" if part else titles[place]
        made.append(Work(name, _frames(random, random.randint(5, 20))))
    return tuple(made)


def flipped(random: Random, frame: str, bits: int) -> str:
    """Return a hash that differs in so many bits."""
    return f"{int(frame, 16) ^ sum(1 << bit for bit in random.sample(range(64), bits)):016x}"


def _labelled(random: Random, name: str, works: Sequence[Work]) -> LabelledUpload:
    vocabulary = _vocabulary()
    topic = random.choice(vocabulary["topics"])
    truth = _truth(random, topic["more"])
    words = random.sample(topic["words"], 3)
    said: dict[str, list[str]] = {"title": [], "description": [], "tags": [], "transcript": []}
    for category, signals in vocabulary["signals"].items():
        _say(random, said, category, signals, holds=category in truth)
    upload = Upload(
        upload_id=name,
        user_id=f"user-{random.randrange(5_000)}",
        title=" | ".join([_filled(random, vocabulary["titles"], words), *said["title"]]),
        description=_text(random, vocabulary["sentences"], words, random.randint(1, 3), said["description"]),
        tags=tuple(dict.fromkeys([words[0], topic["name"], *said["tags"]])),
        country=random.choice(vocabulary["countries"]),
        transcript=_text(random, vocabulary["remarks"], words, random.randint(0, 5), said["transcript"]),
        frames=_copied(random, works) if "copyright" in truth else _own(random, works),
    )
    return LabelledUpload(upload, truth)


def _truth(random: Random, more: Mapping[str, float]) -> frozenset[str]:
    held: list[str] = []
    for category, rate in _RATES.items():
        chance = rate * more.get(category, 1.0)
        for one in held:
            chance *= _TOGETHER.get((one, category), 1.0)
        if random.random() < chance:
            held.append(category)
    return frozenset(held)


def _say(
    random: Random, said: Mapping[str, list[str]], category: str, signals: Mapping[str, Any], *, holds: bool
) -> None:
    """Add what tells a category to an upload's texts, or what only seems to."""
    if holds:
        strong = random.choices((0, 1, 2, 3), (20, 32, 32, 16))[0]
        weak = random.choices((0, 1, 2), (40, 40, 20))[0]
        innocent = random.random() < 0.05
    else:
        chance = random.random()
        strong, innocent, weak = int(chance < 0.02), 0.02 <= chance < 0.1, int(0.07 < chance < 0.2)
    phrases = random.sample(signals["strong"], strong) + random.sample(signals["weak"], weak)
    if innocent:
        phrases.append(random.choice(signals["innocent"]))
    places = (10, 15, 0, 75) if category == "toxicity" else (20, 40, 0, 40)
    for phrase in phrases:
        said[random.choices(list(said), places)[0]].append(phrase)
    if strong and random.random() < 0.3:
        said["tags"].append(random.choice(signals["tags"]))


def _text(
    random: Random, patterns: Sequence[str], words: Sequence[str], count: int, said: Sequence[str]
) -> str:
    sentences = [_filled(random, patterns, words) for _ in range(count)] + list(said)
    random.shuffle(sentences)
    return ". ".join(sentences)


def _filled(random: Random, patterns: Sequence[str], words: Sequence[str]) -> str:
    one, other = random.sample(words, 2)
    return random.choice(patterns).format(a=one, b=other)


def _copied(random: Random, works: Sequence[Work]) -> tuple[str, ...]:
    """Return frames of an upload that copies 2 to 8 frames of a work, now and then altered on purpose."""
    work = random.choice(works)
    count = random.randint(min(2, len(work.frames)), min(8, len(work.frames)))
    first = random.randint(0, len(work.frames) - count)
    altered = random.random() < 0.1
    copies = [
        flipped(random, frame, random.choice(_ALTERED) if altered else random.choices(*_FLIPPED)[0])
        for frame in work.frames[first : first + count]
    ]
    before = _frames(random, random.randint(0, 4))
    return (*before, *copies, *_frames(random, random.randint(0, 4)))


def _own(random: Random, works: Sequence[Work]) -> tuple[str, ...]:
    """Return frames of an upload that copies nothing; of a few, one frame is a quotation or looks alike."""
    chance = random.random()
    if chance < 0.05:
        return ()
    frames = _frames(random, random.randint(3, 14))
    if chance < 0.07:
        bits = random.randint(0, 3) if chance < 0.055 else random.randint(9, 16)
        return (*frames, flipped(random, random.choice(random.choice(works).frames), bits))
    return frames


def _frames(random: Random, count: int) -> tuple[str, ...]:
    return tuple(f"{random.getrandbits(64):016x}" for _ in range(count))


@cache
def _vocabulary() -> dict[str, Any]:
    read = tomllib.loads(Path(__file__).with_name("vocabulary.toml").read_text(encoding="utf-8"))
    topics = [{"name": name, "more": {}} | topic for name, topic in read["topics"].items()]
    return read | {"topics": topics}

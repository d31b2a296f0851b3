"""Upload events: what a user put on the platform, which every consumer of moderation reads."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from threeways.scoring.decoding import Id

MAX_TEXT = 20_000
"""The limit on a text's characters; a longer one is no event."""
FRAME_HASH = r"^[0-9a-f]{16}$"
"""A frame's 64-bit perceptual hash in hexadecimal digits, as `ImageHash` writes it."""

Text = Annotated[str, Meta(max_length=MAX_TEXT)]
Tag = Annotated[str, Meta(max_length=100)]
FrameHash = Annotated[str, Meta(pattern=FRAME_HASH)]


class Upload(msgspec.Struct, frozen=True, gc=False):
    """One upload event: the record's whole data. Fields it does not know are ignored.

    upload_id: names it to everybody. user_id: who put it. transcript: what is said in it, or the comments
    under it. frames: perceptual hashes of its frames, made where the upload lands.
    """

    upload_id: Id
    user_id: Annotated[str, Meta(min_length=1, max_length=256)]
    title: Text
    description: Text = ""
    tags: Annotated[tuple[Tag, ...], Meta(max_length=100)] = ()
    country: Annotated[str, Meta(max_length=200)] = ""
    transcript: Text = ""
    frames: Annotated[tuple[FrameHash, ...], Meta(max_length=1_000)] = ()


example = Upload(
    upload_id=1,
    user_id="user-7",
    title="Harbour at dawn",
    description="A quiet morning on the quay, filmed from a boat.",
    tags=("travel", "sea"),
    country="Norway",
    transcript="we left early and saw nobody",
    frames=("ffd8e0c0c0e0f0f8",),
)

"""The application of the model that serves; another one takes over between two requests.

A request is answered to its end by the application that it came to, so that one model has scored all of it.
The next application is made beside it, in a thread that follows the pointer, and takes over in one step.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from threeways.scoring.service import ModelService
from threeways.web.batcher import Batcher

if TYPE_CHECKING:
    from litestar.types import ASGIApp, Receive, Scope, Send

logger = logging.getLogger("threeways.web")

_LEAST, _MOST = 0.1, 5.0
"""Seconds between two looks at whether there is something to do."""


class Following(Protocol):
    """What tells which model goes on, such as `threeways.lifecycle.follow.Follower`."""

    @property
    def due(self) -> float:
        """Seconds until there is something to do."""

    def next(self) -> ModelService[Any] | None:
        """Return the model to go on with; None: the same. Raises nothing."""


@dataclass(eq=False)
class Face:
    """The application of one model. close: ends its threads. requests: how many it is answering."""

    service: ModelService[Any]
    app: ASGIApp
    batcher: Batcher
    close: Callable[[], None]
    requests: int = 0


class Switch:
    """Answers with the face of the model that serves.

    make: makes another model's face. taken: is called in the event loop's thread with each that takes over.
    """

    def __init__(
        self,
        face: Face,
        make: Callable[[ModelService[Any]], Face],
        taken: Callable[[Face], None],
        following: Following | None,
    ) -> None:
        self.face = face
        self._make, self._taken, self._following = make, taken, following
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI connection."""
        face = self.face
        face.requests += 1
        try:
            await face.app(scope, receive, send)
        finally:
            face.requests -= 1
            self._retire(face)

    def start(self) -> None:
        """Begin to follow, in the event loop's thread."""
        self._taken(self.face)
        if self._following is not None:
            given = (self._following, asyncio.get_running_loop())
            self._thread = threading.Thread(target=self._follow, args=given, name="follow", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """End following, and the face's threads. What is being loaded is left to end with the process."""
        self._stopping.set()
        self.face.close()

    def _follow(self, following: Following, loop: asyncio.AbstractEventLoop) -> None:
        while not self._stopping.wait(min(max(_LEAST, following.due), _MOST)):
            new = following.next()
            if new is None or self._stopping.is_set():
                continue
            try:
                loop.call_soon_threadsafe(self._take, self._make(new))
            except RuntimeError:  # the event loop has ended
                return
            except Exception:
                logger.exception("the new model has no application; the old one goes on")

    def _take(self, face: Face) -> None:
        old, self.face = self.face, face
        self._taken(face)
        self._retire(old)

    def _retire(self, face: Face) -> None:
        """End the threads of a face that was replaced and has answered its last request."""
        if face is not self.face and not face.requests:
            asyncio.get_running_loop().run_in_executor(None, face.close)

"""Pages without scripts: a template, the one style, and a policy that lets a browser run nothing."""

from __future__ import annotations

import base64
import hashlib
from importlib.resources import files
from typing import Any

from jinja2 import Environment
from litestar import MediaType, Response


class Page:
    """A page of a template. package: whose file the template is; without it, this one's."""

    def __init__(self, template: str, package: str = "threeways.web") -> None:
        self._style = files("threeways.web").joinpath("page.css").read_text("utf-8")
        text = files(package).joinpath(template).read_text("utf-8")
        self._template = Environment(autoescape=True).from_string(text)
        digest = base64.b64encode(hashlib.sha256(self._style.encode()).digest()).decode()
        self._policy = (
            f"default-src 'none'; style-src 'sha256-{digest}'; form-action 'self'; base-uri 'none'; "
            "frame-ancestors 'none'"
        )

    def response(self, status: int = 200, **values: Any) -> Response[str]:
        """The page with its values, which are escaped."""
        text = self._template.render(style=self._style, **values)
        headers = {"Content-Security-Policy": self._policy}
        return Response(text, status_code=status, media_type=MediaType.HTML, headers=headers)

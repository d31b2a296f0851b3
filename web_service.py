"""The web service's process: the model is loaded once, then requests are answered until SIGINT or SIGTERM.

`app` makes the application alone, for another ASGI server: `uvicorn --factory web_service:app`.
"""

import sys

import model
from threeways.errors import ThreewaysError, UsageError
from threeways.settings import WebSettings, from_environment
from threeways.web import server

app = model.build_web


def main() -> int:
    """Serve. Exit status: 0 stopped when told to, 1 the model failed, 2 bad settings or artifact."""
    server.log_lines()
    try:
        settings = from_environment(WebSettings)
        server.serve(model.build_web(web=settings), settings)
    except ThreewaysError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2 if isinstance(error, UsageError) else 1
    except KeyboardInterrupt:  # before it serves: while the model is loaded
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())

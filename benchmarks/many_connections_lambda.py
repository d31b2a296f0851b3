"""The function as it would be with a connection for each file of the artifact."""

from threeways.artifact import bucket, download

download._connections = lambda files: bucket.CONNECTIONS  # noqa: SLF001 - the other way, to compare with

from lambda_function import lambda_handler  # noqa: E402 - it fetches when it is imported

__all__ = ["lambda_handler"]

"""One side's way from S3 to a loaded model: `python fetching.py ours|usual LOCATION SHA256`."""

import sys


def main() -> None:
    """Fetch, verify (ours) and load."""
    side, location, sha256 = sys.argv[1:]
    if side == "ours":
        from threeways import artifact

        artifact.load(artifact.fetch(location), sha256)
    else:
        import mlflow.pyfunc

        mlflow.pyfunc.load_model(location)


if __name__ == "__main__":
    main()

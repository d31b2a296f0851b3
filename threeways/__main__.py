"""`python -m threeways …`."""

from threeways.cli.app import main

main()

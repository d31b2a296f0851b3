"""`python -m threeways …`."""

from threeways.cli import main

main()

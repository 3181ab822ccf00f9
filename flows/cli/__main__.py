"""`python -m flows.cli` is `telltale`."""

from flows.cli import main

main()

"""`python -m shared.cli` is `chatia`, for processes that start others of their kind."""

from shared.cli.app import main

main()

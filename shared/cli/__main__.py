"""`python -m shared.cli` runs `chatia`; processes start others with it."""

from shared.cli.app import main

main()

"""Writes the generated files of the contract: `python -m shared.event_docs`."""

from shared.event_docs import files

if __name__ == "__main__":
    files.write()

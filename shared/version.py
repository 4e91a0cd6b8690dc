"""The version of this program; a house test compares it with `pyproject.toml`."""

VERSION = "0.1.0"

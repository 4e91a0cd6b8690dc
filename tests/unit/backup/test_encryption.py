"""Backups are encrypted by age or by gpg, whichever the recipient's key is of."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.backup.encryption import Encryption, choose_encryption, decrypt, encrypt
from shared.backup.errors import ProgramError
from shared.backup.pipes import Pipeline

CONTENT = [os.urandom(400_000) for _ in range(5)]
# Stands for age, which few machines have: it writes its arguments, then what it reads backwards.
AGE = f"""#!{sys.executable}
import sys
data = sys.stdin.buffer.read()
sys.stdout.buffer.write(data[::-1])
print(*sys.argv[1:], file=open({{arguments!r}}, "a"))
"""


@pytest.fixture
def gpg(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Make a key in a key ring of its own; its path is short, since sockets are in it."""
    if shutil.which("gpg") is None:
        pytest.skip("gpg is not installed")
    with tempfile.TemporaryDirectory(prefix="gpg-", dir="/tmp") as home:
        monkeypatch.setenv("GNUPGHOME", home)
        key = ("--quick-generate-key", "backups@example.com", "default", "default", "never")
        made = ["gpg", "--batch", "--quiet", "--passphrase", "", *key]
        subprocess.run(made, check=True, capture_output=True)  # noqa: S603 - fixed
        yield
        subprocess.run(["gpgconf", "--kill", "all"], check=True)  # noqa: S607 - on PATH


@pytest.mark.parametrize(
    ("recipient", "encryption"),
    [
        ("age1qyqszqgpqyqszqgpqyqszqgpqyqszqgp", Encryption.AGE),
        ("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5", Encryption.AGE),
        ("backups@example.com", Encryption.GPG),
        ("0x1234ABCD", Encryption.GPG),
    ],
)
def test_the_recipient_tells_the_program(recipient: str, encryption: Encryption) -> None:
    assert choose_encryption(recipient) is encryption


@pytest.mark.usefixtures("gpg")
def test_what_gpg_encrypts_it_decrypts() -> None:
    with Pipeline() as pipeline:
        sealed = list(encrypt(iter(CONTENT), "backups@example.com", pipeline))
        assert CONTENT[0] not in b"".join(sealed)
        opened = b"".join(decrypt(iter(sealed), Encryption.GPG, "", pipeline))
    assert opened == b"".join(CONTENT)


@pytest.mark.usefixtures("gpg")
def test_a_recipient_without_a_key_is_refused() -> None:
    with Pipeline() as pipeline, pytest.raises(ProgramError, match=r"^gpg failed: "):
        list(encrypt(iter(CONTENT), "nobody@example.com", pipeline))


def test_age_gets_the_recipient_and_the_file_of_the_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program, arguments = tmp_path / "age", tmp_path / "arguments"
    program.write_text(AGE.format(arguments=str(arguments)))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with Pipeline() as pipeline:
        sealed = list(encrypt(iter(CONTENT), "age1abc", pipeline))
        opened = b"".join(decrypt(iter(sealed), Encryption.AGE, "key.txt", pipeline))
    assert opened == b"".join(CONTENT)
    assert arguments.read_text().splitlines() == [
        "--encrypt --recipient age1abc",
        "--decrypt --identity key.txt",
    ]


def test_a_machine_without_age_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with Pipeline() as pipeline, pytest.raises(ProgramError, match=r"^The program age cannot"):
        list(encrypt(iter(CONTENT), "age1abc", pipeline))

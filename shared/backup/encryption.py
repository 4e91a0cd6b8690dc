"""Encrypts and decrypts by the programs age or gpg, to the keys of recipients."""

from collections.abc import Iterable, Iterator
from enum import StrEnum

from shared.backup.pipes import Pipeline
from shared.backup.programs import build_program_environment

AGE_RECIPIENTS = ("age1", "ssh-ed25519 ", "ssh-rsa ")


class Encryption(StrEnum):
    """The program with which a file was encrypted; also the end of its name."""

    AGE = "age"
    GPG = "gpg"


def choose_encryption(recipient: str) -> Encryption:
    """Return the program for a recipient: age for an age or SSH key, else gpg."""
    return Encryption.AGE if recipient.startswith(AGE_RECIPIENTS) else Encryption.GPG


def encrypt(chunks: Iterable[bytes], recipient: str, pipeline: Pipeline) -> Iterator[bytes]:
    """Yield the chunks encrypted to a recipient: an age or SSH key, or a name of a GPG key."""
    if choose_encryption(recipient) is Encryption.AGE:
        arguments = ["age", "--encrypt", "--recipient", recipient]
    else:
        # Trusted, because an operator names the key; compressed already.
        options = ["--batch", "--quiet", "--trust-model", "always", "--compress-algo", "none"]
        arguments = ["gpg", *options, "--encrypt", "--recipient", recipient]
    return pipeline.read_program(arguments, build_program_environment(), chunks)


def decrypt(
    chunks: Iterable[bytes], encryption: Encryption, identity: str, pipeline: Pipeline
) -> Iterator[bytes]:
    """Yield the chunks decrypted; `identity` is the file of age's key, gpg has its key ring."""
    if encryption is Encryption.AGE:
        arguments = ["age", "--decrypt", "--identity", identity]
    else:
        arguments = ["gpg", "--batch", "--quiet", "--decrypt"]
    return pipeline.read_program(arguments, build_program_environment(), chunks)

"""Programs that are connected by pipes: what one writes is read in chunks, in bounded memory."""

import hashlib
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import IO, Self

import zstandard

from shared.backup.errors import BackupError, DamagedBackupError, ProgramError

CHUNK_BYTES = 2**20
LEVEL = 3  # zstd's own default
STOP_S = 10.0
# Lines of a complaint that may hold values of rows.
WITH_VALUES = ("DETAIL", "CONTEXT", "LINE", "QUERY", "STATEMENT", "HINT")

Advance = Callable[[int], None]


@dataclass
class Pipeline:
    """The programs that run for one backup or restore, so that all of them can be ended."""

    running: list[subprocess.Popen[bytes]] = field(default_factory=list)
    is_stopped: bool = False

    def read_program(
        self,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        given: Iterable[bytes] | None = None,
    ) -> Iterator[bytes]:
        """Yield what a program writes, while it is given what it reads.

        Raises ProgramError, with what it complains of, if it fails.
        """
        with tempfile.TemporaryFile() as complaint:
            program = self.start(arguments, environment, complaint, reads=given is not None)
            feeder = _Feeder(program, given) if given is not None else None
            try:
                while chunk := _get(program.stdout).read1(CHUNK_BYTES):  # type: ignore[attr-defined]  # a buffered pipe has it
                    yield chunk
                code = program.wait()
                if feeder:
                    feeder.finish()
                if code or self.is_stopped:
                    raise ProgramError(describe_failure(arguments[0], code, complaint))
            finally:
                program.kill()
                if feeder:
                    feeder.wait()
                self.end(program)

    def start(
        self,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        complaint: IO[bytes],
        *,
        reads: bool,
    ) -> subprocess.Popen[bytes]:
        """Start a program; raises ProgramError if it is not there."""
        if self.is_stopped:
            raise ProgramError("The command was stopped.")
        try:
            program = subprocess.Popen(  # noqa: S603 - a fixed program, never a shell
                list(arguments),
                stdin=subprocess.PIPE if reads else subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=complaint,
                env=dict(environment),
            )
        except OSError as error:
            raise ProgramError(
                f"The program {arguments[0]} cannot be run ({error.strerror}): install it."
            ) from error
        self.running.append(program)
        return program

    def end(self, program: subprocess.Popen[bytes]) -> None:
        """End a program that still runs, and close its pipes."""
        program.kill()
        with suppress(subprocess.TimeoutExpired):
            program.wait(STOP_S)
        for pipe in (program.stdin, program.stdout):
            if pipe:
                with suppress(OSError):
                    pipe.close()
        if program in self.running:
            self.running.remove(program)

    def stop(self) -> None:
        """Kill all programs; who reads from them gets an error."""
        self.is_stopped = True
        for program in list(self.running):
            program.kill()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for program in list(self.running):
            self.end(program)


class _Feeder:
    """Writes to a program in a thread of its own, so that its output can be read meanwhile."""

    def __init__(self, program: subprocess.Popen[bytes], given: Iterable[bytes]) -> None:
        self._program, self._given = program, given
        self._error: BackupError | OSError | None = None
        self._thread = threading.Thread(target=self._feed, daemon=True)
        self._thread.start()

    def _feed(self) -> None:
        pipe = _get(self._program.stdin)
        may_go_on = False
        try:
            for chunk in self._given:
                pipe.write(chunk)
            pipe.close()
            may_go_on = True
        except BrokenPipeError:  # it has read all that it needs, or has failed and says why
            may_go_on = True
        except (BackupError, OSError) as error:
            self._error = error
        finally:
            if not may_go_on:  # it must not take this for the end of its input
                self._program.kill()

    def wait(self) -> None:
        """Wait until nothing is written any more."""
        self._thread.join(STOP_S)

    def finish(self) -> None:
        """Wait for the end, and raise the error with which reading ended."""
        self._thread.join()
        if self._error:
            raise self._error


@dataclass
class Tally:
    """Counts and hashes the bytes that pass by."""

    size: int = 0
    digest: "hashlib._Hash" = field(default_factory=hashlib.sha256)

    def pass_on(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """Yield the chunks as they are."""
        for chunk in chunks:
            self.size += len(chunk)
            self.digest.update(chunk)
            yield chunk

    @property
    def sha256(self) -> str:
        """Return the sha256 in hex."""
        return self.digest.hexdigest()


def compress(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the chunks compressed by zstd, with a checksum at the end."""
    compressor = zstandard.ZstdCompressor(level=LEVEL, write_checksum=True).chunker(
        chunk_size=CHUNK_BYTES
    )
    for chunk in chunks:
        yield from compressor.compress(chunk)
    yield from compressor.finish()  # type: ignore[no-untyped-call]  # its stub has no types


def count(chunks: Iterable[bytes], advance: Advance) -> Iterator[bytes]:
    """Yield the chunks as they are; `advance` gets the bytes of each."""
    for chunk in chunks:
        advance(len(chunk))
        yield chunk


def decompress(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the chunks decompressed; raises DamagedBackupError if they are not of zstd, or cut."""
    decompressor = zstandard.ZstdDecompressor().decompressobj()
    try:
        for chunk in chunks:
            if data := decompressor.decompress(chunk):
                yield data
    except zstandard.ZstdError as error:
        raise DamagedBackupError(f"The backup cannot be decompressed: {error}.") from error
    if not decompressor.eof:
        raise DamagedBackupError("The backup cannot be decompressed: it ends too early.")


def describe_failure(program: str, code: int, complaint: IO[bytes]) -> str:
    """Return a sentence about a program that failed, without lines that may hold rows' values."""
    complaint.seek(0)
    lines = complaint.read().decode("utf-8", "replace").splitlines()
    said = [line.strip() for line in lines if line.strip() and not _has_values(line)]
    reason = next((line for line in said if "error" in line.lower()), said[-1] if said else "")
    name = program.rpartition("/")[2]
    return f"{name} failed: {reason.rstrip('.') or f'exit code {code}'}."


def _has_values(line: str) -> bool:
    words = line.replace("pg_dump: detail:", "DETAIL:").lstrip()
    return any(f"{word}:" in words for word in WITH_VALUES) or words.startswith("LINE ")


def _get(pipe: IO[bytes] | None) -> IO[bytes]:
    if pipe is None:
        raise ProgramError("A program has no pipe.")
    return pipe

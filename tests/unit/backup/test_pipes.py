"""Programs that read and write at once, fail, or are missing; compressed streams that are cut."""

import io
import os
import sys
from collections.abc import Iterator

import pytest

from shared.backup.errors import DamagedBackupError, PlaceError, ProgramError
from shared.backup.pipes import Pipeline, Tally, compress, count, decompress, describe_failure

PYTHON = sys.executable
ECHO = [PYTHON, "-c", "import shutil, sys; shutil.copyfileobj(sys.stdin.buffer, sys.stdout.buffer)"]
BIG = [os.urandom(500_000) for _ in range(20)]


def test_a_program_reads_and_writes_more_than_a_pipe_holds() -> None:
    with Pipeline() as pipeline:
        assert b"".join(pipeline.read_program(ECHO, {}, iter(BIG))) == b"".join(BIG)
    assert pipeline.running == []


def test_a_program_that_fails_is_named_with_its_complaint() -> None:
    failing = [PYTHON, "-c", "import sys; print('x'); sys.exit('pg_dump: error: no such role')"]
    with Pipeline() as pipeline, pytest.raises(ProgramError, match="error: no such role"):
        list(pipeline.read_program(failing, {}))


def test_a_program_that_is_missing_is_named() -> None:
    with Pipeline() as pipeline, pytest.raises(ProgramError, match=r"^The program no-such-age"):
        list(pipeline.read_program(["no-such-age"], {}))


def test_an_error_in_what_a_program_is_given_is_raised_and_the_program_is_ended() -> None:
    def fail() -> Iterator[bytes]:
        yield b"half"
        raise PlaceError("the disk is gone")

    with Pipeline() as pipeline, pytest.raises(PlaceError, match="the disk is gone"):
        list(pipeline.read_program(ECHO, {}, fail()))


def test_a_program_that_is_not_read_to_its_end_is_ended() -> None:
    endless = [PYTHON, "-c", "import sys\nwhile True: sys.stdout.buffer.write(b'x' * 99999)"]
    with Pipeline() as pipeline:
        assert next(pipeline.read_program(endless, {}))
    assert pipeline.running == []


def test_a_stopped_pipeline_never_looks_complete() -> None:
    with Pipeline() as pipeline:
        chunks = pipeline.read_program([PYTHON, "-c", "input()"], {}, iter(BIG[:1]))
        pipeline.stop()
        with pytest.raises(ProgramError):
            list(chunks)


def test_lines_with_values_of_rows_are_not_shown() -> None:
    said = (
        b'ERROR:  duplicate key value violates unique constraint "uq"\n'
        b"DETAIL:  Key (name)=(Ana) already exists.\n"
        b'CONTEXT:  COPY Messages, line 1: "Oi"\n'
    )
    sentence = describe_failure("/usr/bin/psql", 3, io.BytesIO(said))
    assert sentence == ('psql failed: ERROR:  duplicate key value violates unique constraint "uq".')


def test_a_program_without_a_complaint_has_its_exit_code() -> None:
    assert describe_failure("gpg", 2, io.BytesIO(b"")) == "gpg failed: exit code 2."


@pytest.mark.parametrize("chunks", [[], [b""], [b"a"], BIG], ids=["none", "empty", "a", "much"])
def test_what_is_compressed_is_decompressed(chunks: list[bytes]) -> None:
    assert b"".join(decompress(compress(iter(chunks)))) == b"".join(chunks)


def test_what_compresses_well_takes_less() -> None:
    assert sum(map(len, compress([b"mensagem" * 100_000]))) < 1_000


@pytest.mark.parametrize("kept", [0, 1, 100, 4_999_000])
def test_a_compressed_stream_that_was_cut_is_damaged(kept: int) -> None:
    whole = b"".join(compress(BIG))
    with pytest.raises(DamagedBackupError, match="cannot be decompressed"):
        list(decompress([whole[:kept]]))


def test_a_compressed_stream_that_was_changed_is_damaged() -> None:
    whole = bytearray(b"".join(compress([b"abc" * 1_000, *BIG])))
    whole[len(whole) // 2] ^= 1
    with pytest.raises(DamagedBackupError, match="cannot be decompressed"):
        list(decompress([bytes(whole)]))


def test_bytes_are_counted_and_hashed_as_they_pass() -> None:
    tally = Tally()
    seen: list[int] = []
    assert b"".join(tally.pass_on(count([b"ab", b"c"], seen.append))) == b"abc"
    assert (tally.size, seen) == (3, [2, 1])
    assert tally.sha256.startswith("ba7816bf")


def test_a_program_that_reads_only_the_beginning_succeeds() -> None:
    brief = [PYTHON, "-c", "import os, sys; print(len(os.read(0, 3))); os.close(0)"]
    with Pipeline() as pipeline:
        assert b"".join(pipeline.read_program(brief, {}, iter(BIG))) == b"3\n"

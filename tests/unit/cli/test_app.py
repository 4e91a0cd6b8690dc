import json
import sys
from collections.abc import Callable

import pytest
from pydantic import BaseModel

from shared.cli import app as program
from shared.cli import errors

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run `chatia` in this process; gives its exit code, its answer and its complaint."""

    def run_with(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["chatia", *arguments])
        with pytest.raises(SystemExit) as ended:
            program.main()
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    return run_with


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (errors.AnswerIsNo, 1),
        (errors.WrongUsage, 2),
        (errors.WorldFailed, 3),
        (errors.Refused, 4),
        (errors.AlreadyRunning, 5),
    ],
)
def test_an_expected_failure_is_one_sentence_and_a_code(
    run: Run, monkeypatch: pytest.MonkeyPatch, kind: type[errors.CommandError], code: int
) -> None:
    def fail() -> None:
        raise kind("It was [not] to be.")

    monkeypatch.setattr(program, "assembled", lambda *_: fail)
    assert run() == (code, "", "It was [not] to be.\n")


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("CHATIA_BATCH_RECORDS", "none"),
        ("CHATIA_NAMESPACE", "UPPER"),
        ("DB_PORT", "door"),
        ("KAFKA_SECURITY_PROTOCOL", "maybe"),
    ],
)
def test_a_wrong_variable_is_named(
    run: Run, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    code, answer, complaint = run("topics", "list")
    assert (code, answer) == (2, "")
    assert complaint.startswith(f"The environment variable {variable} cannot be used: ")
    assert complaint.count("\n") == 1


@pytest.mark.parametrize("servers", ["localhost:door", "localhost:9092,[::1"])
def test_an_address_that_is_none_is_wrong_usage(
    run: Run, monkeypatch: pytest.MonkeyPatch, servers: str
) -> None:
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", servers)
    code, _, complaint = run("topics", "list")
    assert code == 2
    assert "KAFKA_BOOTSTRAP_SERVERS" in complaint


@pytest.mark.parametrize("file", ["absent.pem", "empty.pem"])
def test_certificates_that_cannot_be_read_are_wrong_usage(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory, file: str
) -> None:
    folder = tmp_path_factory.mktemp("certificates")
    (folder / "empty.pem").touch()
    monkeypatch.setenv("KAFKA_SECURITY_PROTOCOL", "SSL")
    monkeypatch.setenv("KAFKA_SSL_CAFILE", str(folder / file))
    code, _, complaint = run("topics", "list")
    assert code == 2
    assert "KAFKA_SSL_*" in complaint


def test_a_validation_error_of_ours_is_not_taken_for_the_environment(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Inner(BaseModel):
        number: int

    monkeypatch.setattr(program, "assembled", lambda *_: lambda: Inner.model_validate({}))
    with pytest.raises(ValueError, match="Inner"):
        run()


def test_ctrl_c_ends_with_130(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("shared.cli.topics.deployment_topics", interrupted)
    assert run("topics", "list")[0] == 130


@pytest.mark.parametrize(
    "words", [["nothing"], ["topics", "nothing"], ["topics", "list", "--nothing"]]
)
def test_unknown_words_are_wrong_usage(run: Run, words: list[str]) -> None:
    assert run(*words)[0] == 2


def test_help_is_an_answer(run: Run) -> None:
    code, answer, _ = run("--help")
    assert code == 0
    assert "topics" in answer


def test_a_payload_is_translated(run: Run, tmp_path_factory: pytest.TempPathFactory) -> None:
    file = tmp_path_factory.mktemp("payloads") / "one.json"
    file.write_text('{"event": "presence.update", "instance": "shop", "data": {}}', "utf-8")
    code, answer, complaint = run("events", "translate", "evolution", str(file), "--json")
    assert (code, complaint) == (0, "")
    assert json.loads(answer)["ignored"] == "presence-update"


def test_a_payload_of_another_shape_has_a_name(
    run: Run, tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = tmp_path_factory.mktemp("payloads") / "one.json"
    file.write_text("[]", "utf-8")
    code, answer, complaint = run("events", "translate", "evolution", str(file))
    assert (code, complaint) == (0, "")
    assert json.loads(answer)["ignored"] == "unreadable-payload"


@pytest.mark.parametrize("content", ["", "{", "{}\n{", "nothing"])
def test_a_payload_that_is_not_json_is_wrong_usage(
    run: Run, tmp_path_factory: pytest.TempPathFactory, content: str
) -> None:
    file = tmp_path_factory.mktemp("payloads") / "one.json"
    file.write_text(content, "utf-8")
    code, answer, complaint = run("events", "translate", "evolution", str(file))
    assert (code, answer) == (2, "")
    assert complaint.count("\n") == 1


def test_an_unknown_gateway_is_wrong_usage(
    run: Run, tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = tmp_path_factory.mktemp("payloads") / "one.json"
    file.write_text("{}", "utf-8")
    code, _, complaint = run("events", "translate", "pigeon", str(file))
    assert code == 2
    assert "pigeon" in complaint
    assert "evolution" in complaint

import json
import sys
from collections.abc import Callable

import pytest
from pydantic import BaseModel

from shared.cli import app as cli_app
from shared.cli import db_connection, errors

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run `chatia` in this process; return its exit code, standard output and standard error."""

    def run_with(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["chatia", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli_app.main()
        captured = capsys.readouterr()
        return int(ended.value.code or 0), captured.out, captured.err

    return run_with


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.CheckFailedError, 1),
        (errors.InvalidUsageError, 2),
        (errors.DependencyFailedError, 3),
        (errors.RefusedError, 4),
        (errors.ConflictError, 5),
    ],
)
def test_an_error_of_a_command_is_one_line_and_an_exit_code(
    run: Run, monkeypatch: pytest.MonkeyPatch, error: type[errors.CommandError], code: int
) -> None:
    def fail() -> None:
        raise error("It was [not] to be.")

    monkeypatch.setattr(cli_app, "build_app", lambda *_: fail)
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
def test_an_invalid_variable_is_named(
    run: Run, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    code, output, error_output = run("topics", "list")
    assert (code, output) == (2, "")
    assert error_output.startswith(f"The environment variable {variable} cannot be used: ")
    assert error_output.count("\n") == 1


def test_a_variable_that_is_not_read_is_a_warning_of_every_command(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHATIA_WEBHOK_PORT", "8088")
    code, output, error_output = run("events", "types", "--json")
    assert code == 0
    assert json.loads(output)
    assert error_output == (
        "Warning: The environment variable CHATIA_WEBHOK_PORT is not read by anything; "
        "did you mean CHATIA_WEBHOOK_PORT?\n"
    )


def test_a_host_of_kafka_that_is_not_found_is_said(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "no-such-host.invalid:9092")
    code, _, error_output = run("topics", "list")
    assert code == 3
    assert error_output == (
        "Kafka's host is not found: no-such-host.invalid; check KAFKA_BOOTSTRAP_SERVERS.\n"
    )


def test_a_host_of_the_database_that_is_not_found_is_said(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(db_connection, "PAUSES_SECONDS", (0.0, 0.0))
    monkeypatch.setenv("DB_HOST", "no-such-host.invalid")
    code, _, error_output = run("db", "current")
    assert code == 3
    assert error_output == (
        "The database at no-such-host.invalid does not answer (host not found): "
        "check DATABASE_URL or DB_HOST and DB_PORT.\n"
    )


@pytest.mark.parametrize("servers", ["localhost:door", "localhost:9092,[::1"])
def test_an_invalid_address_is_wrong_usage(
    run: Run, monkeypatch: pytest.MonkeyPatch, servers: str
) -> None:
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", servers)
    code, _, error_output = run("topics", "list")
    assert code == 2
    assert "KAFKA_BOOTSTRAP_SERVERS" in error_output


@pytest.mark.parametrize("file", ["absent.pem", "empty.pem"])
def test_certificates_that_cannot_be_read_are_wrong_usage(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory, file: str
) -> None:
    folder = tmp_path_factory.mktemp("certificates")
    (folder / "empty.pem").touch()
    monkeypatch.setenv("KAFKA_SECURITY_PROTOCOL", "SSL")
    monkeypatch.setenv("KAFKA_SSL_CAFILE", str(folder / file))
    code, _, error_output = run("topics", "list")
    assert code == 2
    assert "KAFKA_SSL_*" in error_output


def test_a_validation_error_of_ours_is_not_taken_for_the_environment(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Inner(BaseModel):
        number: int

    monkeypatch.setattr(cli_app, "build_app", lambda *_: lambda: Inner.model_validate({}))
    with pytest.raises(ValueError, match="Inner"):
        run()


def test_ctrl_c_ends_with_130(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("shared.cli.topics.list_deployment_topics", interrupt)
    assert run("topics", "list")[0] == 130


def test_ctrl_c_while_a_command_is_imported_ends_with_130_and_no_traceback(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("importlib.import_module", interrupt)
    assert run("up") == (130, "", "")


@pytest.mark.parametrize(
    "words", [["nothing"], ["topics", "nothing"], ["topics", "list", "--nothing"]]
)
def test_unknown_arguments_are_wrong_usage(run: Run, words: list[str]) -> None:
    assert run(*words)[0] == 2


def test_help_exits_with_0(run: Run) -> None:
    code, output, _ = run("--help")
    assert code == 0
    assert "topics" in output


def test_a_payload_is_translated(run: Run, tmp_path_factory: pytest.TempPathFactory) -> None:
    file = tmp_path_factory.mktemp("payloads") / "one.json"
    file.write_text('{"event": "presence.update", "instance": "shop", "data": {}}', "utf-8")
    code, output, error_output = run("events", "translate", "evolution", str(file), "--json")
    assert (code, error_output) == (0, "")
    assert json.loads(output)["ignored"] == "presence-update"


def test_a_payload_of_another_shape_is_unreadable(
    run: Run, tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = tmp_path_factory.mktemp("payloads") / "one.json"
    file.write_text("[]", "utf-8")
    code, output, error_output = run("events", "translate", "evolution", str(file))
    assert (code, error_output) == (0, "")
    assert json.loads(output)["ignored"] == "unreadable-payload"


@pytest.mark.parametrize("content", ["", "{", "{}\n{", "nothing"])
def test_a_payload_that_is_not_json_is_wrong_usage(
    run: Run, tmp_path_factory: pytest.TempPathFactory, content: str
) -> None:
    file = tmp_path_factory.mktemp("payloads") / "one.json"
    file.write_text(content, "utf-8")
    code, output, error_output = run("events", "translate", "evolution", str(file))
    assert (code, output) == (2, "")
    assert error_output.count("\n") == 1


def test_an_unknown_gateway_is_wrong_usage(
    run: Run, tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = tmp_path_factory.mktemp("payloads") / "one.json"
    file.write_text("{}", "utf-8")
    code, _, error_output = run("events", "translate", "pigeon", str(file))
    assert code == 2
    assert "pigeon" in error_output
    assert "evolution" in error_output

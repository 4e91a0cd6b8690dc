"""Settings: which variable sets what, and the same database under another login."""

import re

import pytest
from pydantic import SecretStr, ValidationError
from sqlalchemy import make_url

from shared.db.engine import split_tls
from shared.settings import MODELS, DatabaseSettings, Settings, WebhookSettings

ADDRESSES = {
    "an address": {"DATABASE_URL": "postgresql://owner:a%40b@db:5433/chat%20ia?ssl=require"},
    "its parts": {
        "DB_HOST": "db",
        "DB_PORT": 5433,
        "DB_NAME": "chat%20ia",
        "DB_USER": "owner",
        "DB_PASS": "a@b",
    },
}

VARIABLES = {
    "CHATIA_NAMESPACE": ("chatia", "here"),
    "CHATIA_EVOLUTION_PREFIX": ("evolution", "evo"),
    "CHATIA_GROUP_INSTANCE_ID": ("", "one"),
    "CHATIA_BATCH_RECORDS": (2_000, 7),
    "CHATIA_BATCH_WAIT_MS": (50, 8),
    "CHATIA_BYTES_IN_FLIGHT": (2**26, 2**25),
    "CHATIA_SEND_INTERVAL_MS": (20_000, 9),
    "CHATIA_QUARANTINE_AFTER": (100, 0),
    "CHATIA_AWAITED_CHANGE_HOURS": (72.0, 0.5),
    "CHATIA_LATE_MESSAGE_HOURS": (24.0, 6.0),
    "CHATIA_NOISY_TIMES": (4.0, 0.0),
    "CHATIA_HEALTH_PORT": (0, 8080),
    "CHATIA_WEBHOOK_PORT": (0, 8088),
    "CHATIA_WEBHOOK_SECRET": ("", "a secret of sixteen"),
    "CHATIA_WEBHOOK_FORMER_SECRET": ("", "another of sixteen"),
    "CHATIA_WEBHOOK_BYTES": (3_500_000, 10),
    "CHATIA_LINE_KEYS_FILE": ("", "/run/line-keys"),
    "CHATIA_SENDER": (False, True),
    "CHATIA_SENDS_AT_ONCE": (4, 1),
    "CHATIA_SEND_TIMEOUT_MS": (30_000, 11),
    "CHATIA_SEND_RETRY_MS": (1_000, 12),
    "CHATIA_EVOLUTION_API_KEY": ("", "e"),
    "CHATIA_WAHA_API_KEY": ("", "w"),
    "CHATIA_CLOUD_API_TOKEN": ("", "c"),
    "CHATIA_CLOUD_API_SECRETS": ("", "a,b"),
    "CHATIA_BACKUPS": ("", "s3://backups/chatia"),
    "CHATIA_WAL_ARCHIVE": ("", "/wal"),
    "CHATIA_PGBACKREST_STANZA": ("", "main"),
    "CHATIA_LOG_FORMAT": ("console", "json"),
    "CHATIA_LOG_LEVEL": ("info", "debug"),
    "DB_HOST": ("localhost", "db"),
    "DB_PORT": (5432, 5433),
    "DB_NAME": ("chatia", "other"),
    "DB_USER": ("chatia", "owner"),
    "DB_PASS": ("", "p"),
    "DB_READER_USER": ("", "r"),
    "DB_READER_PASS": ("", "rp"),
    "DB_POOL_MAX": (5, 6),
    "DB_POOL_MIN": (1, 0),
    "DB_POOL_ACQUIRE": (30_000, 13),
    "DB_POOL_IDLE": (600_000, 14),
    "DB_DIALECT": ("postgres", "postgres"),
    "DB_SSL_MODE": ("prefer", "require"),
    "DB_SSL_CA": ("", __file__),
    "DB_SSL_CERT": ("", __file__),
    "DB_SSL_KEY": ("", __file__),
    "DATABASE_URL": (None, "postgresql://db/chatia"),
    "KAFKA_BOOTSTRAP_SERVERS": ("localhost:9092", "kafka:9093"),
    "KAFKA_SECURITY_PROTOCOL": ("PLAINTEXT", "SASL_SSL"),
    "KAFKA_SASL_MECHANISM": ("PLAIN", "SCRAM-SHA-256"),
    "KAFKA_SASL_USERNAME": ("", "u"),
    "KAFKA_SASL_PASSWORD": ("", "kp"),
    "KAFKA_SSL_CAFILE": (None, "ca"),
    "KAFKA_SSL_CERTFILE": (None, "cert"),
    "KAFKA_SSL_KEYFILE": (None, "key"),
}


def read_variables() -> dict[str, object]:
    """Return what a process has read from each variable, with secrets in the open."""
    found = {}
    for model in MODELS:
        settings, prefix = model(), model.model_config.get("env_prefix", "")
        for name, field in model.model_fields.items():
            value = getattr(settings, name)
            secret = value.get_secret_value() if isinstance(value, SecretStr) else value
            found[field.alias or f"{prefix}{name}".upper()] = secret
    return {variable: found[variable] for variable in VARIABLES}


def test_every_variable_has_its_default(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in VARIABLES:
        monkeypatch.delenv(variable, raising=False)
    assert read_variables() == {name: default for name, (default, _) in VARIABLES.items()}


def test_every_variable_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, (_, value) in VARIABLES.items():
        monkeypatch.setenv(variable, "on" if value is True else str(value))
    assert read_variables() == {name: value for name, (_, value) in VARIABLES.items()}


def test_there_are_no_other_variables() -> None:
    aliases = {field.alias for model in MODELS for field in model.model_fields.values()}
    assert {alias for alias in aliases if alias} == {
        variable for variable in VARIABLES if not variable.startswith("KAFKA_")
    }


@pytest.mark.parametrize("variable", ["HOST", "PORT", "USER", "CHATIA_PORT", "CHATIA_LOGS"])
def test_variables_of_other_programs_are_not_read(
    monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    before = Settings()
    monkeypatch.setenv(variable, "77")
    assert Settings() == before


def test_an_error_names_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHATIA_WEBHOOK_BYTES", "0")
    with pytest.raises(ValidationError) as raised:
        Settings()
    assert raised.value.errors()[0]["loc"] == ("CHATIA_WEBHOOK_BYTES",)


def test_a_lines_own_app_secret_is_used_instead_of_the_shared_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CHATIA_CLOUD_API_SECRETS", "ours, also ours,")
    monkeypatch.setenv("CHATIA_CLOUD_API_SECRET_1_10", "theirs")
    monkeypatch.setenv("CHATIA_CLOUD_API_SECRET_1_11", "")
    webhooks = WebhookSettings()
    assert webhooks.find_app_secrets(1, 10) == ["theirs"]
    assert webhooks.find_app_secrets(1, 11) == ["ours", "also ours"]
    assert webhooks.find_app_secrets(11, 0) == ["ours", "also ours"]


@pytest.mark.parametrize("given", ADDRESSES.values(), ids=ADDRESSES)
def test_only_the_login_changes(given: dict[str, object]) -> None:
    database = DatabaseSettings.model_validate(given)
    url, before = make_url(database.with_login("tickets", "p@:/%?#").url), make_url(database.url)
    assert (url.username, url.password) == ("tickets", "p@:/%?#")
    assert (url.host, url.port, url.database, url.query) == (
        before.host,
        before.port,
        before.database,
        before.query,
    )


def test_a_login_without_a_password_has_none_in_its_url() -> None:
    database = DatabaseSettings.model_validate({"DATABASE_URL": "postgresql://db/chatia"})
    assert database.with_login("tickets", "").url == "postgresql+asyncpg://tickets@db/chatia"


def test_there_is_no_reader_where_none_is_named() -> None:
    assert DatabaseSettings.model_validate({}).for_readers is None


def test_readers_reach_the_same_database() -> None:
    database = DatabaseSettings.model_validate(
        {
            "DATABASE_URL": "postgresql://owner:x@db/chatia",
            "DB_READER_USER": "chatia_reader",
            "DB_READER_PASS": "y",
        }
    )
    assert database.for_readers is not None
    assert database.for_readers.url == "postgresql+asyncpg://chatia_reader:y@db/chatia"


def read_database(**variables: object) -> DatabaseSettings:
    return DatabaseSettings.model_validate(variables)


def test_tls_is_in_the_url_of_the_owner_and_of_every_other_login() -> None:
    database = read_database(DB_SSL_MODE="verify-full", DB_SSL_CA=__file__, DB_READER_USER="reader")
    asked = {"sslmode": "verify-full", "sslrootcert": __file__}
    assert database.for_readers is not None
    others = (database.with_login("tickets", "t"), database.for_readers)
    assert [make_url(each.url).query for each in (database, *others)] == [asked] * 3


def test_a_given_address_gets_what_it_does_not_say_about_tls() -> None:
    given = {"DATABASE_URL": "postgresql://db/chatia?sslmode=require"}
    database = read_database(**given, DB_SSL_MODE="disable", DB_SSL_CERT=__file__)
    assert make_url(database.url).query == {"sslmode": "require", "sslcert": __file__}


def test_the_driver_gets_tls_as_asyncpg_reads_it() -> None:
    address, arguments = split_tls("postgresql://db:1/chatia?sslmode=require&sslcert=/a b")
    assert address.render_as_string() == "postgresql+asyncpg://db:1/chatia"
    assert arguments == {"dsn": "postgresql:///?sslmode=require&sslcert=%2Fa+b"}


def test_without_tls_the_address_of_a_socket_is_kept() -> None:
    url = "postgresql://me@/chatia?host=/var/run"
    assert read_database(DATABASE_URL=url).url == url.replace("://", "+asyncpg://")
    assert split_tls(url)[1] == {}


@pytest.mark.parametrize(
    ("variables", "reason"),
    [
        ({"DB_DIALECT": "mysql"}, "Input should be 'postgres'"),
        ({"DB_POOL_MAX": 6, "DB_POOL_MIN": 7}, "it must be at most DB_POOL_MAX, 6"),
        ({"DB_SSL_MODE": "on"}, "Input should be 'disable', 'prefer', 'require'"),
        ({"DB_SSL_MODE": "verify-ca"}, "verify-ca needs DB_SSL_CA"),
        ({"DB_SSL_CA": "/not/there"}, "the file /not/there cannot be read"),
        ({"DATABASE_URL": "postgresql://db/c?sslmode=verify-full"}, "needs DB_SSL_CA"),
        ({"DATABASE_URL": "postgresql://db/c?sslmode=on"}, "its sslmode must be one of"),
        ({"DATABASE_URL": "postgresql://db/c?sslkey=/not/there"}, "/not/there cannot be read"),
        ({"DATABASE_URL": "postgresql://db/c?channel_binding=require"}, "channel_binding is not"),
    ],
)
def test_what_cannot_be_honoured_is_refused(variables: dict[str, object], reason: str) -> None:
    with pytest.raises(ValidationError, match=re.escape(reason)):
        read_database(**variables)


def test_a_short_webhook_secret_is_refused_and_not_repeated(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    secret = "fifteen letters"  # noqa: S105 - of no server
    monkeypatch.setenv("CHATIA_WEBHOOK_SECRET", secret)
    with pytest.raises(ValidationError, match="at least 16 characters") as raised:
        Settings()
    assert secret not in str(raised.value.errors(include_input=False))

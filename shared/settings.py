"""Settings that a process reads from its environment when it starts, grouped by concern."""

import os
import re
from functools import partial
from typing import Literal, Self
from urllib.parse import quote, urlsplit, urlunsplit

from pydantic import Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared import database_url
from shared.database_url import SslMode

MIN_SECRET_LENGTH = 16  # characters

LINE_KEY = "CHATIA_GATEWAY_KEY"
LINE_APP_SECRET = "CHATIA_CLOUD_API_SECRET"  # noqa: S105 - a variable's name
LINE_VARIABLES = (LINE_KEY, LINE_APP_SECRET)


def _read_line_variables(variable: str) -> dict[str, SecretStr]:
    """Read `<variable>_<companyId>_<whatsappId>` of all lines, by `<companyId>_<whatsappId>`."""
    pattern = re.compile(rf"{variable}_([0-9]+_[0-9]+)")
    matches = ((pattern.fullmatch(name), value) for name, value in os.environ.items())
    return {match[1]: SecretStr(value) for match, value in matches if match and value}


class _Group(BaseSettings):
    """Settings of one concern: the alias of a field is its variable.

    pydantic-settings also reads a variable called <prefix><field name>; no variable can have this
    prefix, so that HOST, USER or CHATIA_LOGS set for other programs are not read.
    """

    model_config = SettingsConfigDict(
        frozen=True, populate_by_name=True, env_prefix="only by alias: "
    )


class DatabaseSettings(_Group):
    """How to reach Postgres: Whaticket's DB_* variables, or DATABASE_URL instead of them."""

    url_override: SecretStr | None = Field(None, alias="DATABASE_URL")
    host: str = Field("localhost", alias="DB_HOST")
    port: int = Field(5432, alias="DB_PORT")
    name: str = Field("chatia", alias="DB_NAME")
    user: str = Field("chatia", alias="DB_USER")
    password: SecretStr = Field(SecretStr(""), alias="DB_PASS")
    reader: str = Field("", alias="DB_READER_USER")
    reader_password: SecretStr = Field(SecretStr(""), alias="DB_READER_PASS")
    pool_max: int = Field(5, alias="DB_POOL_MAX", ge=5)
    pool_min: int = Field(1, alias="DB_POOL_MIN", ge=0)
    pool_acquire_ms: int = Field(30_000, alias="DB_POOL_ACQUIRE", ge=1)
    pool_idle_ms: int = Field(600_000, alias="DB_POOL_IDLE", ge=1)
    dialect: Literal["postgres"] = Field("postgres", alias="DB_DIALECT")
    ssl_ca: str = Field("", alias="DB_SSL_CA")
    ssl_cert: str = Field("", alias="DB_SSL_CERT")
    ssl_key: str = Field("", alias="DB_SSL_KEY")
    ssl_mode: SslMode = Field("prefer", alias="DB_SSL_MODE", validate_default=True)

    @field_validator("url_override")
    @classmethod
    def _check_url(cls, value: SecretStr | None) -> SecretStr | None:
        if value:
            database_url.check_url(value.get_secret_value())
        return value

    @field_validator("pool_min")
    @classmethod
    def _check_pool(cls, value: int, info: ValidationInfo) -> int:
        if value > (most := info.data.get("pool_max", value)):
            msg = f"it must be at most DB_POOL_MAX, {most}"
            raise ValueError(msg)
        return value

    @field_validator("ssl_ca", "ssl_cert", "ssl_key")
    @classmethod
    def _check_file(cls, value: str) -> str:
        database_url.check_file(value)
        return value

    @field_validator("ssl_mode")
    @classmethod
    def _check_authority(cls, value: SslMode, info: ValidationInfo) -> SslMode:
        url = info.data.get("url_override")
        given = database_url.read_parameters(url.get_secret_value()) if url else {}
        mode = given.get(database_url.MODE, value)
        authority = given.get(database_url.AUTHORITY, info.data.get("ssl_ca"))
        if mode in database_url.VERIFYING_MODES and not authority:
            msg = f"{mode} needs DB_SSL_CA, a file with the certificates that are trusted"
            raise ValueError(msg)
        return value

    @property
    def url(self) -> str:
        """Return the SQLAlchemy URL for asyncpg; it contains the password: never print it.

        Its parameters about TLS have libpq's names; `shared.db.engine` hands them to asyncpg.
        """
        if self.url_override:
            rest = self.url_override.get_secret_value().partition("://")[2]
        else:
            login = _quote_login(self.user, self.password.get_secret_value())
            rest = f"{login}@{self.host}:{self.port}/{self.name}"
        return database_url.add_parameters(f"postgresql+asyncpg://{rest}", self._tls)

    @property
    def _tls(self) -> dict[str, str]:
        mode = "" if self.ssl_mode == "prefer" else self.ssl_mode  # it is asyncpg's own default
        values = (mode, self.ssl_ca, self.ssl_cert, self.ssl_key)
        named = zip(database_url.TLS_PARAMETERS, values, strict=True)
        return {name: value for name, value in named if value}

    @property
    def database(self) -> str:
        """Return the database's name, with which the names of its roles begin."""
        return urlsplit(self.url).path.removeprefix("/")

    def with_login(self, user: str, password: str) -> Self:
        """Return the settings of the same database under another login."""
        parts = urlsplit(self.url)
        netloc = f"{_quote_login(user, password)}@{parts.netloc.rpartition('@')[2]}"
        url = SecretStr(urlunsplit(parts._replace(netloc=netloc)))
        return self.model_copy(update={"url_override": url})

    @property
    def for_readers(self) -> Self | None:
        """Return the settings of the login that sees one company; None if it is not set."""
        if not self.reader:
            return None
        return self.with_login(self.reader, self.reader_password.get_secret_value())


def _quote_login(user: str, password: str) -> str:
    return quote(user, safe="") + (f":{quote(password, safe='')}" if password else "")


class KafkaSettings(BaseSettings):
    """How to reach the brokers; TLS and SASL are for real clusters."""

    model_config = SettingsConfigDict(frozen=True, env_prefix="KAFKA_")

    bootstrap_servers: str = "localhost:9092"
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "PLAIN"
    sasl_username: str = ""
    sasl_password: SecretStr = SecretStr("")
    ssl_cafile: str | None = None
    ssl_certfile: str | None = None
    ssl_keyfile: str | None = None


class WorkerSettings(_Group):
    """The static member id of a worker process, and its memory and quarantine limits."""

    group_instance_id: str = Field(
        "",
        alias="CHATIA_GROUP_INSTANCE_ID",
        pattern=r"^[A-Za-z0-9._-]{0,200}$",
        description="Kafka's group.instance.id: static membership, kept over a restart",
    )
    bytes_in_flight: int = Field(
        64 * 2**20,
        alias="CHATIA_BYTES_IN_FLIGHT",
        ge=32 * 2**20,  # a poll, a quarter, holds the largest record
        description="most bytes of records that a process holds at once",
    )
    quarantine_after: int = Field(
        100,
        alias="CHATIA_QUARANTINE_AFTER",
        ge=0,
        description="unreadable records in a row that quarantine their line; 0 = never",
    )


class BatchSettings(_Group):
    """Maximum size of a batch, and how long a poll waits for records."""

    records: int = Field(
        2_000, alias="CHATIA_BATCH_RECORDS", ge=1, description="most records in one transaction"
    )
    wait_ms: int = Field(
        50, alias="CHATIA_BATCH_WAIT_MS", ge=1, description="how long a poll waits for records"
    )


class FairnessSettings(_Group):
    """From which multiple of the others' average a tenant is noisy."""

    noisy_times: float = Field(
        4,
        alias="CHATIA_NOISY_TIMES",
        ge=0,
        description="times the average of the others from which a company is noisy; 0 = never",
    )


class HealthSettings(_Group):
    """The port of a worker's health probes."""

    port: int = Field(
        0,
        alias="CHATIA_HEALTH_PORT",
        ge=0,
        le=65_535,
        description="of /ready, /live and /metrics; 0 = none",
    )


class MessageSettings(_Group):
    """How long changes wait for their message."""

    awaited_change_hours: float = Field(
        72,
        alias="CHATIA_AWAITED_CHANGE_HOURS",
        gt=0,
        description="how long an ack or edit waits for its message before it is a dead letter",
    )


class TicketSettings(_Group):
    """From which age a message gets no auto-reply."""

    late_message_hours: float = Field(
        24,
        alias="CHATIA_LATE_MESSAGE_HOURS",
        gt=0,
        le=24 * 365 * 100,
        description="age on entering Kafka above which a message gets no auto-reply",
    )


class WebhookSettings(_Group):
    """Where and how gateways post to the messages worker (docs/gateways.md)."""

    port: int = Field(0, alias="CHATIA_WEBHOOK_PORT", ge=0, le=65_535, description="0 = none")
    secret: SecretStr = Field(
        SecretStr(""),
        alias="CHATIA_WEBHOOK_SECRET",
        description="from which each connection's token is derived",
    )
    former_secret: SecretStr = Field(
        SecretStr(""),
        alias="CHATIA_WEBHOOK_FORMER_SECRET",
        description="its tokens are still accepted, while gateways get new ones",
    )
    max_bytes: int = Field(
        3_500_000,
        alias="CHATIA_WEBHOOK_BYTES",
        ge=1,
        le=4_000_000,
        description="the largest body that a gateway may post",
    )
    cloud_api_secrets: SecretStr = Field(
        SecretStr(""),
        alias="CHATIA_CLOUD_API_SECRETS",
        description="secrets of our own Meta apps, with commas: for lines without one of their own",
    )
    line_app_secrets: dict[str, SecretStr] = Field(
        default_factory=partial(_read_line_variables, LINE_APP_SECRET),
        description="CHATIA_CLOUD_API_SECRET_<companyId>_<whatsappId>: the line's own Meta app's",
    )

    @field_validator("secret", "former_secret")
    @classmethod
    def _check_secret(cls, value: SecretStr) -> SecretStr:
        if 0 < len(value.get_secret_value()) < MIN_SECRET_LENGTH:
            msg = f"it must have at least {MIN_SECRET_LENGTH} characters, chosen at random"
            raise ValueError(msg)
        return value

    def find_app_secrets(self, company_id: int, whatsapp_id: int) -> list[str]:
        """Return the secrets of the Meta apps that may post for a line: its own, or the shared."""
        own = self.line_app_secrets.get(f"{company_id}_{whatsapp_id}")
        return split_secrets((own or self.cloud_api_secrets).get_secret_value())


def split_secrets(text: str) -> list[str]:
    """Return the secrets of a text in which commas separate them."""
    return [secret for secret in map(str.strip, text.split(",")) if secret]


class SendingSettings(_Group):
    """How messages are sent through the gateways (docs/sending.md)."""

    enabled: bool = Field(
        default=False,
        alias="CHATIA_SENDER",
        description="on: the messages worker asks gateways to send",
    )
    interval_ms: int = Field(
        20_000,
        alias="CHATIA_SEND_INTERVAL_MS",
        ge=1,
        description="between two campaign sends of a line that has no rate of its own",
    )
    requests_per_line: int = Field(
        4, alias="CHATIA_SENDS_AT_ONCE", ge=1, description="requests under way at once for one line"
    )
    timeout_ms: int = Field(
        30_000,
        alias="CHATIA_SEND_TIMEOUT_MS",
        ge=1,
        description="how long a gateway may take to answer a send",
    )
    retry_ms: int = Field(
        1_000,
        alias="CHATIA_SEND_RETRY_MS",
        ge=1,
        description="before a refused send is tried again; then four times as long",
    )
    evolution_api_key: SecretStr = Field(SecretStr(""), alias="CHATIA_EVOLUTION_API_KEY")
    waha_api_key: SecretStr = Field(SecretStr(""), alias="CHATIA_WAHA_API_KEY")
    cloud_api_token: SecretStr = Field(SecretStr(""), alias="CHATIA_CLOUD_API_TOKEN")
    line_keys: dict[str, SecretStr] = Field(
        default_factory=partial(_read_line_variables, LINE_KEY),
        description="CHATIA_GATEWAY_KEY_<companyId>_<whatsappId>: a line's own key or token",
    )

    def find_gateway_key(self, gateway: str, company_id: int, whatsapp_id: int) -> str:
        """Return the key or token that a line's gateway accepts; empty if there is none."""
        shared_keys = {
            "evolution": self.evolution_api_key,
            "waha": self.waha_api_key,
            "cloud-api": self.cloud_api_token,
        }
        own = self.line_keys.get(f"{company_id}_{whatsapp_id}")
        key = own or shared_keys.get(gateway)
        return key.get_secret_value() if key else ""


class BackupSettings(_Group):
    """Where backups and archived WAL are kept."""

    place: str = Field(
        "",
        alias="CHATIA_BACKUPS",
        description="folder, or s3://, gs:// or az:// with bucket and prefix, of backups",
    )
    wal_archive: str = Field(
        "",
        alias="CHATIA_WAL_ARCHIVE",
        description="folder into which the server copies its WAL, for recovery to a point in time",
    )
    pgbackrest_stanza: str = Field(
        "",
        alias="CHATIA_PGBACKREST_STANZA",
        description="stanza of pgbackrest, if that makes base backups and archives WAL",
    )


class LogSettings(_Group):
    """How logs are written."""

    format: Literal["console", "json"] = Field("console", alias="CHATIA_LOG_FORMAT")
    level: Literal["debug", "info", "warning", "error"] = Field("info", alias="CHATIA_LOG_LEVEL")


class Settings(_Group):
    """All settings of a process of ChatIA Flow."""

    namespace: str = Field(
        "chatia",
        alias="CHATIA_NAMESPACE",
        pattern=r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$",
        description="before every topic and consumer group",
    )
    evolution_prefix: str = Field(
        "evolution",
        alias="CHATIA_EVOLUTION_PREFIX",
        description="before the global topics of Evolution API",
    )
    line_keys_file: str = Field(
        "",
        alias="CHATIA_LINE_KEYS_FILE",
        description="file or directory with keys of lines, read again when it changes",
    )
    database: DatabaseSettings = Field(default_factory=DatabaseSettings)
    kafka: KafkaSettings = Field(default_factory=KafkaSettings)
    worker: WorkerSettings = Field(default_factory=WorkerSettings)
    batches: BatchSettings = Field(default_factory=BatchSettings)
    fairness: FairnessSettings = Field(default_factory=FairnessSettings)
    health: HealthSettings = Field(default_factory=HealthSettings)
    messages: MessageSettings = Field(default_factory=MessageSettings)
    tickets: TicketSettings = Field(default_factory=TicketSettings)
    webhooks: WebhookSettings = Field(default_factory=WebhookSettings)
    sending: SendingSettings = Field(default_factory=SendingSettings)
    logs: LogSettings = Field(default_factory=LogSettings)


MODELS: tuple[type[BaseSettings], ...] = (Settings, KafkaSettings, *_Group.__subclasses__())

"""What the environment says: read once, where a process starts, and handed on as values."""

import os
import re
from functools import partial
from typing import Literal, Self
from urllib.parse import quote, urlsplit, urlunsplit

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

_KEY_OF_LINE = "CHATIA_GATEWAY_KEY"
_SECRET_OF_LINE = "CHATIA_CLOUD_API_SECRET"  # noqa: S105 - a variable's name


def _of_lines(variable: str) -> dict[str, SecretStr]:
    """Read the variables that are called so, and then by a company and a line."""
    pattern = re.compile(rf"{variable}_([0-9]+_[0-9]+)")
    named = ((pattern.fullmatch(name), value) for name, value in os.environ.items())
    return {found[1]: SecretStr(value) for found, value in named if found and value}


class DatabaseSettings(BaseSettings):
    """The seed's DB_* variables (seed 2.1), or DATABASE_URL, which wins where both are set."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", populate_by_name=True)

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

    @field_validator("url_override")
    @classmethod
    def _names_postgres(cls, value: SecretStr | None) -> SecretStr | None:
        scheme = value.get_secret_value().partition("://")[0] if value else "postgresql"
        if scheme.split("+")[0] not in {"postgres", "postgresql"}:
            msg = f"it must begin with postgresql://, not with {scheme}://"
            raise ValueError(msg)
        try:
            _ = urlsplit(value.get_secret_value()).port if value else None
        except ValueError as error:
            msg = "its port is not a number from 0 to 65535"
            raise ValueError(msg) from error
        return value

    @property
    def url(self) -> str:
        """The SQLAlchemy address for asyncpg; holds the password, so it is never printed."""
        if self.url_override:
            rest = self.url_override.get_secret_value().partition("://")[2]
            return f"postgresql+asyncpg://{rest}"
        login = _login(self.user, self.password.get_secret_value())
        return f"postgresql+asyncpg://{login}@{self.host}:{self.port}/{self.name}"

    @property
    def database(self) -> str:
        """The database's own name, with which the names of its roles begin."""
        return urlsplit(self.url).path.removeprefix("/")

    def logged_in_as(self, user: str, password: str) -> Self:
        """Reach the same database under another login."""
        parts = urlsplit(self.url)
        place = f"{_login(user, password)}@{parts.netloc.rpartition('@')[2]}"
        url = SecretStr(urlunsplit(parts._replace(netloc=place)))
        return self.model_copy(update={"url_override": url})

    @property
    def for_readers(self) -> Self | None:
        """The login that sees one company; None where none is set."""
        if not self.reader:
            return None
        return self.logged_in_as(self.reader, self.reader_password.get_secret_value())


def _login(user: str, password: str) -> str:
    return quote(user, safe="") + (f":{quote(password, safe='')}" if password else "")


class KafkaSettings(BaseSettings):
    """How to reach the brokers; TLS and SASL are for real clusters."""

    model_config = SettingsConfigDict(
        frozen=True, extra="ignore", env_prefix="KAFKA_", populate_by_name=True
    )

    bootstrap_servers: str = "localhost:9092"
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "PLAIN"
    sasl_username: str = ""
    sasl_password: SecretStr = SecretStr("")
    ssl_cafile: str | None = None
    ssl_certfile: str | None = None
    ssl_keyfile: str | None = None


class Settings(BaseSettings):
    """Everything that a process of ChatIA Flow takes from its environment."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_prefix="CHATIA_")

    namespace: str = Field("chatia", pattern=r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$")
    evolution_prefix: str = "evolution"
    group_instance_id: str = Field(
        "", pattern=r"^[A-Za-z0-9._-]{0,200}$", description="a name that survives a restart"
    )
    batch_records: int = Field(2_000, ge=1, description="most records in one transaction")
    batch_wait_ms: int = Field(50, ge=1, description="how long a poll waits for records")
    bytes_in_flight: int = Field(
        64 * 2**20, ge=8 * 2**20, description="most bytes of records that a process holds at once"
    )
    send_interval_ms: int = Field(20_000, ge=1, description="between two sends of one line")
    quarantine_after: int = Field(
        100, ge=0, description="unreadable records in a row that quarantine their line; 0 = never"
    )
    awaited_change_hours: float = Field(
        72, gt=0, description="how long an ack or edit waits for its message before it is given up"
    )
    noisy_times: float = Field(
        4, ge=0, description="times what others send from which a company waits; 0 = never"
    )
    health_port: int = Field(
        0, ge=0, le=65_535, description="where /ready and /live are answered; 0 = nowhere"
    )
    webhook_port: int = Field(
        0, ge=0, le=65_535, description="where gateways post, at the messages worker; 0 = nowhere"
    )
    webhook_secret: SecretStr = Field(
        SecretStr(""), description="from which each connection's token is made"
    )
    webhook_bytes: int = Field(
        3_500_000, ge=1, le=4_000_000, description="the largest body that a gateway may post"
    )
    sender: bool = Field(
        default=False,
        description="on: the messages worker asks gateways to send (docs/sending.md)",
    )
    sends_at_once: int = Field(4, ge=1, description="requests under way at once for one line")
    send_timeout_ms: int = Field(
        30_000, ge=1, description="how long a gateway may take to answer a send"
    )
    send_retry_ms: int = Field(
        1_000, ge=1, description="before a refused send is tried again; then four times as long"
    )
    evolution_api_key: SecretStr = Field(SecretStr(""), description="of Evolution API")
    waha_api_key: SecretStr = Field(SecretStr(""), description="of WAHA")
    cloud_api_token: SecretStr = Field(SecretStr(""), description="of the WhatsApp Cloud API")
    line_keys: dict[str, SecretStr] = Field(
        default_factory=partial(_of_lines, _KEY_OF_LINE),
        description="CHATIA_GATEWAY_KEY_<companyId>_<whatsappId>: a line's own key or token",
    )
    cloud_api_secrets: SecretStr = Field(
        SecretStr(""),
        description="secrets of our own Meta apps, with commas: for lines without one of their own",
    )
    line_app_secrets: dict[str, SecretStr] = Field(
        default_factory=partial(_of_lines, _SECRET_OF_LINE),
        description="CHATIA_CLOUD_API_SECRET_<companyId>_<whatsappId>: the line's own Meta app's",
    )
    log_format: Literal["console", "json"] = "console"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    database: DatabaseSettings = Field(default_factory=DatabaseSettings)
    kafka: KafkaSettings = Field(default_factory=KafkaSettings)

    def app_secrets(self, company_id: int, whatsapp_id: int) -> list[str]:
        """Give the secrets of the Meta apps that may post for a line: its own, else the shared."""
        own = self.line_app_secrets.get(f"{company_id}_{whatsapp_id}")
        secrets = own.get_secret_value() if own else self.cloud_api_secrets.get_secret_value()
        return [secret for secret in map(str.strip, secrets.split(",")) if secret]

    def gateway_key(self, gateway: str, company_id: int, whatsapp_id: int) -> str:
        """Give the secret by which a line's gateway knows us; empty where there is none."""
        shared_by_lines = {
            "evolution": self.evolution_api_key,
            "waha": self.waha_api_key,
            "cloud-api": self.cloud_api_token,
        }
        own = self.line_keys.get(f"{company_id}_{whatsapp_id}")
        key = own or shared_by_lines.get(gateway)
        return key.get_secret_value() if key else ""

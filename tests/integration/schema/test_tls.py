"""TLS to a real Postgres that refuses connections without it, with certificates made here.

The program `openssl` makes the certificates.
"""

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from shared.cli.dead_letter_store import open_read_transaction
from shared.db.engine import create_engine, create_unpooled_engine
from shared.embedded import folders, postgres
from shared.embedded.postgres import Postgres
from shared.settings import DatabaseSettings
from tests.support.chatia import Ended, chatia

pytestmark = pytest.mark.integration

HOST = "localhost"  # the name in the server's certificate; 127.0.0.1 is not in it
ENCRYPTED = text("SELECT ssl, client_dn FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
RULES = """
hostssl all certified 127.0.0.1/32 scram-sha-256 clientcert=verify-ca
hostssl all all 127.0.0.1/32 scram-sha-256
"""
PASSWORD = "of a role with a certificate"  # noqa: S105 - of a server that is gone with the test


@dataclass(frozen=True, slots=True)
class Certificates:
    """A folder with certificates and keys."""

    folder: Path

    def path(self, name: str) -> str:
        return str(self.folder / name)

    def make_authority(self, name: str) -> None:
        self._openssl("req", "-x509", *self._new_key(name), "-out", self.path(f"{name}.crt"))

    def make(self, name: str, alternative: str) -> None:
        """Make a key and a certificate that the authority `ca` signs."""
        request, names = self.path(f"{name}.csr"), self.folder / f"{name}.names"
        names.write_text(f"subjectAltName=DNS:{alternative}", "utf-8")
        self._openssl("req", *self._new_key(name), "-out", request)
        signer = ("-CA", self.path("ca.crt"), "-CAkey", self.path("ca.key"), "-CAcreateserial")
        result = ("-extfile", str(names), "-out", self.path(f"{name}.crt"))
        self._openssl("x509", "-req", "-in", request, *signer, *result)

    def _new_key(self, name: str) -> tuple[str, ...]:
        kind = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
        return (*kind, "-keyout", self.path(f"{name}.key"), "-subj", f"/CN={name}")

    def _openssl(self, *arguments: str) -> None:
        subprocess.run(["openssl", *arguments], check=True, capture_output=True)  # noqa: S603, S607 - the arguments are those above


@dataclass(frozen=True, slots=True)
class Encrypted:
    """A server that takes TLS connections only, and what is needed to reach it."""

    server: Postgres
    certificates: Certificates

    def variables(self, **others: str) -> dict[str, str]:
        """Return the variables of the owner's login."""
        password = self.server.cluster.password
        login = {"DB_USER": postgres.NAME, "DB_NAME": postgres.NAME, "DB_PASS": password}
        return {"DB_HOST": HOST, "DB_PORT": str(self.server.port)} | login | others

    def trusting(self, mode: str, authority: str = "ca", **others: str) -> dict[str, str]:
        path = self.certificates.path(f"{authority}.crt")
        return self.variables(DB_SSL_MODE=mode, DB_SSL_CA=path, **others)

    def run(self, *words: str, **variables: str) -> Ended:
        return chatia(*words, environment=variables)


@pytest.fixture(scope="module")
def encrypted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Encrypted]:
    folder = tmp_path_factory.mktemp("tls")
    certificates = Certificates(folder)
    for authority in ("ca", "other"):
        certificates.make_authority(authority)
    for name, alternative in (("server", HOST), ("client", "client")):
        certificates.make(name, alternative)
    (folder / "rules").write_text(RULES, "utf-8")
    server = postgres.start(
        folder / "state", durable=False, settings=_lay_out(folder, certificates)
    )
    try:
        yield Encrypted(server, certificates)
    finally:
        server.stop()
        folders.delete_state(folder / "state")


def _lay_out(folder: Path, certificates: Certificates) -> dict[str, str]:
    """Give the server its files, which must be its account's, and return its settings."""
    state = folder / "state"
    state.mkdir()
    cluster = folders.Cluster.load_or_create(state)
    cluster.prepare(state)
    files = {"ssl_ca_file": "ca.crt", "ssl_cert_file": "server.crt", "ssl_key_file": "server.key"}
    settings = {"ssl": "on"}
    for setting, name in (files | {"hba_file": "rules"}).items():
        copy = cluster.folder / name
        folders.write_private_file(copy, Path(certificates.path(name)).read_text("utf-8"))
        cluster.change_owner(copy)
        settings[setting] = str(copy)
    return settings


@pytest.fixture(scope="module")
def migrated(encrypted: Encrypted) -> Encrypted:
    """Migrate by the command, over TLS."""
    verified = encrypted.trusting("verify-full", ROLE_PASSWORD_READER=PASSWORD)
    for words in (("db", "upgrade"), ("db", "roles")):
        ended = encrypted.run(*words, **verified)
        assert (ended.code, ended.complaint) == (0, "")
    return encrypted


async def is_encrypted(variables: dict[str, str]) -> tuple[bool, str | None]:
    """Return whether both kinds of engine are encrypted, and the name of the client's."""
    settings = DatabaseSettings.model_validate(variables)
    found = []
    for engine in (create_engine(settings, "test"), create_unpooled_engine(settings.url, "test")):
        async with engine.connect() as conn:
            found.append((await conn.execute(ENCRYPTED)).one())
        await engine.dispose()
    assert found[0] == found[1]
    return found[0].ssl, found[0].client_dn


@pytest.mark.parametrize("mode", ["prefer", "require", "verify-ca", "verify-full"])
async def test_every_mode_but_one_encrypts(encrypted: Encrypted, mode: str) -> None:
    assert await is_encrypted(encrypted.trusting(mode)) == (True, None)


async def test_without_a_setting_tls_is_used_where_the_server_has_it(encrypted: Encrypted) -> None:
    assert await is_encrypted(encrypted.variables()) == (True, None)


async def test_disabled_tls_is_refused_by_such_a_server(encrypted: Encrypted) -> None:
    with pytest.raises(DBAPIError, match="no encryption"):
        await is_encrypted(encrypted.variables(DB_SSL_MODE="disable"))


async def test_parameters_of_the_address_do_the_same(encrypted: Encrypted) -> None:
    url = encrypted.server.url.replace("127.0.0.1", HOST)
    authority = encrypted.certificates.path("ca.crt")
    address = f"{url}?sslmode=verify-full&sslrootcert={authority}"
    assert await is_encrypted({"DATABASE_URL": address}) == (True, None)
    with pytest.raises(DBAPIError, match="no encryption"):
        await is_encrypted({"DATABASE_URL": f"{url}?sslmode=disable"})


def test_an_authority_that_did_not_sign_is_refused_by_commands_and_workers(
    encrypted: Encrypted,
) -> None:
    environment = encrypted.trusting("verify-ca", "other")
    for words in (("db", "current"), ("dead-letters", "list"), ("worker", "contacts")):
        ended = encrypted.run(*words, **environment)
        assert ended.code == 3
        assert "its certificate is refused: self-signed" in ended.complaint
        assert "DB_SSL_CA" in ended.complaint


def test_only_the_full_check_compares_the_name(encrypted: Encrypted) -> None:
    by_number = {"DB_HOST": "127.0.0.1"}
    full = encrypted.run("db", "current", **encrypted.trusting("verify-full") | by_number)
    assert full.code == 3
    assert "IP address mismatch" in full.complaint
    assert encrypted.run("db", "current", **encrypted.trusting("verify-ca") | by_number).code == 0


async def test_a_role_that_needs_a_certificate_shows_it(encrypted: Encrypted) -> None:
    engine = create_unpooled_engine(
        DatabaseSettings.model_validate(encrypted.variables()).url, "test"
    )
    async with engine.begin() as conn:
        await conn.execute(text(f"CREATE ROLE certified LOGIN PASSWORD '{PASSWORD}'"))
    login = {"DB_USER": "certified", "DB_PASS": PASSWORD}
    with pytest.raises(DBAPIError, match="valid client certificate"):
        await is_encrypted(encrypted.trusting("require") | login)
    shown = {
        "DB_SSL_CERT": encrypted.certificates.path("client.crt"),
        "DB_SSL_KEY": encrypted.certificates.path("client.key"),
    }
    assert await is_encrypted(encrypted.trusting("require") | login | shown) == (True, "/CN=client")


async def test_a_migrated_database_is_read_by_readers_over_tls(migrated: Encrypted) -> None:
    reader = {"DB_READER_USER": f"{postgres.NAME}_reader", "DB_READER_PASS": PASSWORD}
    settings = DatabaseSettings.model_validate(migrated.trusting("verify-full") | reader)
    async with open_read_transaction(settings, company=1) as conn:
        assert (await conn.execute(text("SELECT current_user"))).scalar_one() == "chatia_reader"
        assert (await conn.execute(ENCRYPTED)).one().ssl

"""The `security` of FastStream's broker, which workers alone need: importing it takes a while."""

from faststream.security import BaseSecurity, SASLPlaintext, SASLScram256, SASLScram512

from shared.delivery.kafka.clients import build_ssl_context, has_login, is_encrypted
from shared.settings import KafkaSettings

_SASL: dict[str, type[SASLPlaintext | SASLScram256 | SASLScram512]] = {
    "PLAIN": SASLPlaintext,
    "SCRAM-SHA-256": SASLScram256,
    "SCRAM-SHA-512": SASLScram512,
}


def build_security(settings: KafkaSettings) -> BaseSecurity:
    """Return the `security` that FastStream's KafkaBroker takes.

    Raises OSError where a certificate file cannot be read.
    """
    context = build_ssl_context(settings) if is_encrypted(settings) else None
    if not has_login(settings):
        return BaseSecurity(ssl_context=context)
    return _SASL[settings.sasl_mechanism](
        username=settings.sasl_username,
        password=settings.sasl_password.get_secret_value(),
        ssl_context=context,
    )

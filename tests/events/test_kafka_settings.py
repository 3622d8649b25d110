"""What Kafka needs to be signed in to is asked for at once, and no secret is shown."""

from __future__ import annotations

import pytest

from events.settings import SettingsError, env_example, load

_SASL = {
    "KAFKA_SECURITY_PROTOCOL": "SASL_SSL", "KAFKA_SASL_MECHANISM": "SCRAM-SHA-512", "KAFKA_SASL_USERNAME": "flow",
    "KAFKA_SASL_PASSWORD": "sesame",
}  # fmt: skip


@pytest.mark.parametrize("missing", ["KAFKA_SASL_MECHANISM", "KAFKA_SASL_USERNAME", "KAFKA_SASL_PASSWORD"])
def test_a_sasl_protocol_needs_all_that_signs_in(missing: str) -> None:
    with pytest.raises(
        SettingsError, match=f"^{missing}=.* cannot work: needed with KAFKA_SECURITY_PROTOCOL=SASL_SSL$"
    ):
        load({name: value for name, value in _SASL.items() if name != missing})


def test_a_password_is_never_shown() -> None:
    settings = load(_SASL)
    assert settings.kafka.kafka_sasl_password.get_secret_value() == "sesame"
    assert "sesame" not in repr(settings) + str(settings)
    assert "#KAFKA_SASL_PASSWORD=\n" in env_example()


def test_a_file_that_is_not_there_is_told() -> None:
    with pytest.raises(SettingsError, match="KAFKA_SSL_CA_LOCATION='/nowhere/ca.pem' cannot work: no such file"):
        load({"KAFKA_SSL_CA_LOCATION": "/nowhere/ca.pem"})

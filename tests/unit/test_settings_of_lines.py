"""Secrets that belong to one line are read from variables that are called by it."""

import pytest

from shared.settings import Settings


def test_a_lines_own_apps_secret_stands_instead_of_the_shared_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CHATIA_CLOUD_API_SECRETS", "ours, also ours,")
    monkeypatch.setenv("CHATIA_CLOUD_API_SECRET_1_10", "theirs")
    monkeypatch.setenv("CHATIA_CLOUD_API_SECRET_1_11", "")
    settings = Settings()
    assert settings.app_secrets(1, 10) == ["theirs"]
    assert settings.app_secrets(1, 11) == ["ours", "also ours"]
    assert settings.app_secrets(11, 0) == ["ours", "also ours"]

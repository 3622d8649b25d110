"""One Apache Kafka broker (KRaft, one node) for the tests: jars through Maven, a free port, gone at the end.

The jars rest in a cache directory (`UNDERTOW_KAFKA_JARS`, else below the user's cache), so Maven runs once a machine.
"""

from __future__ import annotations

import os
import shutil
import signal as signals
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

VERSION = os.environ.get("UNDERTOW_KAFKA_VERSION", "3.9.1")
_HEAP = ("-Xmx512m", "-Xms128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
_START_S = 60.0
_STOP_S = 20.0
_POM = """<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>undertow.tests</groupId><artifactId>kafka</artifactId><version>1</version>
  <dependencies><dependency>
    <groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>{version}</version>
  </dependency></dependencies>
</project>
"""
_PROPERTIES = """process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
log.dirs={logs}
num.partitions=1
auto.create.topics.enable={auto_create}
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
num.network.threads=2
num.io.threads=2
background.threads=2
log.cleaner.threads=1
log.cleaner.dedupe.buffer.size=2097152
log.segment.delete.delay.ms=0
group.initial.rebalance.delay.ms=0
"""


class KafkaMissing(RuntimeError):
    """This machine cannot run the broker; the text says why in one line."""


def jars() -> Path:
    """Returns the directory of the broker's jars, fetched first where they are missing; raises KafkaMissing."""
    cache = os.environ.get("UNDERTOW_KAFKA_JARS")
    target = Path(cache) if cache else Path.home() / ".cache" / "undertow" / f"kafka-{VERSION}"
    if (target / f"kafka_2.13-{VERSION}.jar").exists():
        return target
    for program in ("java", "mvn"):
        if shutil.which(program) is None:
            raise KafkaMissing(f"no {program} on this machine")
    draft = target.with_name(f"{target.name}.{os.getpid()}")
    draft.mkdir(parents=True)
    (draft / "pom.xml").write_text(_POM.format(version=VERSION))
    fetch = ["mvn", "-q", "-B", "-f", str(draft / "pom.xml"), "dependency:copy-dependencies",
             f"-DoutputDirectory={draft}", "-DincludeScope=runtime"]  # fmt: skip
    done = subprocess.run(fetch, capture_output=True, text=True, timeout=600, check=False)
    if done.returncode:
        shutil.rmtree(draft)
        said = [line for line in done.stdout.splitlines() if "ERROR" in line] or ["no message"]
        raise KafkaMissing(f"Maven did not get Kafka {VERSION}: {said[0]}")
    # Who fetched at the same time brought the same.
    with suppress(OSError):
        draft.rename(target)
    shutil.rmtree(draft, ignore_errors=True)
    return target


def free_port() -> int:
    """Returns a port that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Broker:
    """A broker that can be stopped, killed and started again on the same port and files."""

    def __init__(self, directory: Path, auto_create: bool = False, extra: str = "") -> None:
        self.directory = directory
        self.port = free_port()
        self._classpath = f"{jars()}/*"
        self._config = directory / "server.properties"
        self._process: subprocess.Popen[bytes] | None = None
        text = _PROPERTIES.format(
            port=self.port, controller=free_port(), logs=directory / "logs", auto_create=str(auto_create).lower()
        )
        self._config.write_text(text + extra)
        self._java("kafka.tools.StorageTool", "format", "-t", "undertowTestsAAAAAAAAA", "-c", str(self._config)).wait()

    @property
    def address(self) -> str:
        """What KAFKA_BROKERS names."""
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        """Starts the broker and returns when it answers."""
        self._process = self._java("kafka.Kafka", str(self._config))
        admin = AdminClient({"bootstrap.servers": self.address, "log_level": 0})
        deadline = time.monotonic() + _START_S
        while True:
            with suppress(KafkaException):
                if admin.list_topics(timeout=1.0).brokers:
                    return
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise KafkaMissing(f"the broker did not start: {self._last_words()}")

    def kill(self) -> None:
        """kill -9."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def signal(self, number: signals.Signals) -> None:
        """Sends a signal: SIGSTOP, SIGCONT."""
        if self._process is not None:
            self._process.send_signal(number)

    def stop(self) -> None:
        """Stops it in order; killed when that takes too long."""
        if self._process is not None:
            self._process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(_STOP_S)
        self.kill()

    def _java(self, *arguments: str) -> subprocess.Popen[bytes]:
        with (self.directory / "broker.log").open("ab") as log:
            return subprocess.Popen(
                ["java", *_HEAP, "-cp", self._classpath, *arguments],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.directory,
            )  # fmt: skip

    def _last_words(self) -> str:
        lines = (self.directory / "broker.log").read_text(errors="replace").splitlines()
        return lines[-1] if lines else "it said nothing"


@contextmanager
def running(directory: Path) -> Iterator[Broker]:
    """A broker for the length of a block; raises KafkaMissing."""
    broker = Broker(directory)
    try:
        broker.start()
        yield broker
    finally:
        broker.kill()

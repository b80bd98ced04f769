"""A real Kafka broker of one node (KRaft), on loopback, with its data kept."""

from __future__ import annotations

import asyncio
import base64
import logging
import os
import uuid
from pathlib import Path

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from embedded.jars import Jars
from embedded.java import jvm
from embedded.part import Part, until
from streams.errors import PartFailedError

LOGGING = Path(__file__).parent / "kafka" / "log4j2.properties"
FORMAT_S = 60.0
ASK_S = 3.0
TEN_YEARS_MINUTES = 10 * 365 * 24 * 60


async def kafka_part(data_dir: Path, *, port: int, controller_port: int, jars: Jars) -> Part:
    """The broker whose data lie under ``data_dir/kafka``; formats them the first time.

    The address is ``kafka://127.0.0.1:PORT``.

    Raises:
        PartFailedError: Java is missing, or the directory could not be formatted.
    """
    directory = data_dir / "kafka"
    temporary = directory / "tmp"
    temporary.mkdir(parents=True, exist_ok=True)
    log_file = data_dir / "logs" / "kafka.log"
    properties = directory / "server.properties"
    properties.write_text(_properties(directory, port=port, controller_port=controller_port))
    java = (
        *jvm(jars.kafka),
        f"-Djava.io.tmpdir={temporary}",
        f"-Dlog4j2.configurationFile={LOGGING}",
        "-cp",
        f"{jars.kafka}/*",
    )
    if not (directory / "data" / "meta.properties").exists():
        await _format(directory, (*java, "kafka.tools.StorageTool"), properties)

    async def ready() -> None:
        await until(lambda: has_broker(port), what="Kafka")

    return Part(
        name="kafka",
        command=(*java, "-Xms128m", "-Xmx512m", "kafka.Kafka", str(properties)),
        environment={},
        address=f"kafka://127.0.0.1:{port}",
        log_file=log_file,
        ready=ready,
        stop_s=20.0,
    )


async def _format(directory: Path, tool: tuple[str, ...], properties: Path) -> None:
    # The id is stored first: formatting again after an interruption uses the same one.
    id_file = directory / "cluster-id"
    if not id_file.exists():
        new_id = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        id_file.write_text(new_id.replace("-", "0", 1) if new_id.startswith("-") else new_id)
    process = await asyncio.create_subprocess_exec(
        *tool,
        *("format", "--ignore-formatted", "--cluster-id", id_file.read_text()),
        *("--config", str(properties)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(FORMAT_S):
            output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        raise PartFailedError(
            f"Kafka could not format {directory}: {output.decode(errors='replace')[-500:]}"
        )


async def has_broker(port: int, host: str = "127.0.0.1") -> bool:
    """Whether the broker names itself in its metadata now: it is registered and not fenced."""
    try:
        # A bare connection first: aiokafka writes an error for each refused one.
        _, writer = await asyncio.open_connection(host, port)
        writer.close()
    except OSError:
        return False
    aiokafka_log = logging.getLogger("aiokafka")
    before = aiokafka_log.level
    aiokafka_log.setLevel(logging.CRITICAL)
    admin = AIOKafkaAdminClient(
        bootstrap_servers=f"{host}:{port}", request_timeout_ms=3_000, client_id="scrapestream-up"
    )
    try:
        # A bound of our own: while the broker starts, the client may retry for 40 s by itself.
        async with asyncio.timeout(ASK_S):
            await admin.start()
            cluster = await admin.describe_cluster()
        return bool(cluster["brokers"])
    except (KafkaError, OSError, TimeoutError):
        return False
    finally:
        await admin.close()
        aiokafka_log.setLevel(before)


def _properties(directory: Path, *, port: int, controller_port: int) -> str:
    cores = os.cpu_count() or 2
    settings: dict[str, object] = {
        "process.roles": "broker,controller",
        "node.id": 1,
        "controller.quorum.voters": f"1@127.0.0.1:{controller_port}",
        "listeners": f"PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{port}",
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": "PLAINTEXT",
        "log.dirs": directory / "data",
        "auto.create.topics.enable": "false",  # a misspelt topic is an error, not a new topic
        "num.partitions": 1,
        "default.replication.factor": 1,
        "min.insync.replicas": 1,
        # One node: one copy. Few partitions: each costs files and start-up time.
        "offsets.topic.replication.factor": 1,
        "offsets.topic.num.partitions": 4,
        "transaction.state.log.replication.factor": 1,
        "transaction.state.log.min.isr": 1,
        "transaction.state.log.num.partitions": 4,
        "share.coordinator.state.topic.replication.factor": 1,
        "share.coordinator.state.topic.min.isr": 1,
        "share.coordinator.state.topic.num.partitions": 1,
        # A stack that was off for a week must not forget what its agents have done.
        "offsets.retention.minutes": TEN_YEARS_MINUTES,
        "group.initial.rebalance.delay.ms": 0,
        "group.min.session.timeout.ms": 1_000,
        "log.cleaner.dedupe.buffer.size": 16 * 1024 * 1024,  # 128 MB of a heap of 512 otherwise
        "num.network.threads": 2,
        "num.io.threads": max(4, cores),
        "num.recovery.threads.per.data.dir": cores,
        # A killed broker may register again only when its old session has run out (9 s otherwise);
        # after a controlled shutdown at once.
        "broker.session.timeout.ms": 3_000,
        "broker.heartbeat.interval.ms": 500,
    }
    return "".join(f"{name}={value}\n" for name, value in settings.items())

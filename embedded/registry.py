"""Apicurio Registry with Confluent's API, on loopback, with its schema ids kept."""

from __future__ import annotations

import shutil
from pathlib import Path

from embedded.jars import Jars
from embedded.java import jvm
from embedded.part import Part, http_part_ready


def registry_part(data_dir: Path, *, port: int, management_port: int, jars: Jars) -> Part:
    """The registry whose schemas lie in an H2 database under ``data_dir/registry``.

    The address ends in ``/apis/ccompat/v7``.

    Raises:
        PartFailedError: Java is missing.
    """
    directory = data_dir / "registry"
    temporary = directory / "tmp"
    shutil.rmtree(temporary, ignore_errors=True)  # Vert.x leaves a cache there when it is killed
    temporary.mkdir(parents=True)
    runner = next(jars.registry.glob("*-runner.jar"))
    address = f"http://127.0.0.1:{port}/apis/ccompat/v7"
    properties = {
        "quarkus.http.host": "127.0.0.1",
        "quarkus.http.port": port,
        "quarkus.management.host": "127.0.0.1",  # 0.0.0.0:9000 otherwise
        "quarkus.management.port": management_port,
        "quarkus.http.access-log.enabled": "false",
        'quarkus.log.category."io.apicurio".level': "WARN",
        "apicurio.storage.sql.kind": "h2",
        # H2 writes a commit up to 0.5 s later unless told not to: an id that was given out and
        # then lost in a crash would be given to another schema.
        "apicurio.datasource.url": f"jdbc:h2:file:{directory / 'registry'};WRITE_DELAY=0",
        "apicurio.datasource.jdbc.initial-size": 2,
        "apicurio.datasource.jdbc.min-size": 2,
        "apicurio.datasource.jdbc.max-size": 10,
        "java.io.tmpdir": temporary,
        "java.util.logging.manager": "org.jboss.logmanager.LogManager",
    }
    return Part(
        name="registry",
        command=(
            *jvm(jars.registry),
            "-Xmx256m",
            *(f"-D{name}={value}" for name, value in properties.items()),
            "-cp",
            f"{runner}:{jars.registry}/lib/*",
            "io.quarkus.runner.GeneratedMain",
        ),
        environment={},
        address=address,
        log_file=data_dir / "logs" / "registry.log",
        ready=http_part_ready(f"{address}/subjects", what="the schema registry"),
    )

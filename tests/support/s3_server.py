"""An S3 server that checks signatures: S3Proxy over a directory, on loopback."""

from __future__ import annotations

import http.client
import secrets
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from embedded.jars import fetch_parts
from embedded.java import JVM_FLAGS, find_java

HERE = Path(__file__).parent / "s3proxy"
BUCKET = "results"
START_S = 60.0


@dataclass(slots=True)
class S3Server:
    """One server and its only bucket."""

    directory: Path
    port: int
    access_key: str = field(default_factory=lambda: secrets.token_hex(8))
    secret_key: str = field(default_factory=lambda: secrets.token_hex(16))
    process: subprocess.Popen[bytes] | None = None

    @property
    def environment(self) -> dict[str, str]:
        """The usual variables by which clients reach it."""
        return {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.port}",
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
        }

    def start(self) -> None:
        """Return when it answers."""
        jars = fetch_parts(HERE / "pom.xml") / "s3proxy"
        (self.directory / "data" / BUCKET).mkdir(parents=True, exist_ok=True)
        properties = self.directory / "s3proxy.properties"
        properties.write_text(
            f"s3proxy.endpoint=http://127.0.0.1:{self.port}\n"
            "s3proxy.authorization=aws-v4\n"
            f"s3proxy.identity={self.access_key}\n"
            f"s3proxy.credential={self.secret_key}\n"
            "s3proxy.ignore-unknown-headers=true\n"  # checksums of deletions, for one
            "jclouds.provider=filesystem-nio2\n"
            "jclouds.identity=unused\n"
            "jclouds.credential=unused\n"
            f"jclouds.filesystem.basedir={self.directory / 'data'}\n"
        )
        with (self.directory / "s3proxy.log").open("ab") as log:
            self.process = subprocess.Popen(
                [
                    *(find_java(), *JVM_FLAGS, "-Xmx256m"),
                    f"-Dlogback.configurationFile={HERE / 'logback.xml'}",
                    *("-cp", f"{jars}/*", "org.gaul.s3proxy.Main"),
                    *("--properties", str(properties)),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + START_S
        while not self._answers():
            assert self.process.poll() is None, (self.directory / "s3proxy.log").read_text()
            assert time.monotonic() < deadline, "the S3 server does not answer"
            time.sleep(0.05)

    def stop(self) -> None:
        """End it; its objects stay."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def _answers(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/")
            return connection.getresponse().status > 0
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


@contextmanager
def s3_server(directory: Path) -> Iterator[S3Server]:
    """A server that runs within the block."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        server = S3Server(directory, probe.getsockname()[1])
    try:
        server.start()
        yield server
    finally:
        server.stop()

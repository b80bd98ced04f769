"""Load by ``wrk``: C, one thread, a tenth of the processor time of a client in Python.

A client that takes a core of a small machine measures itself. It is the same for both sides.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

CONNECTIONS = 64
SCRIPT = """\
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = [[{body}]]
function done(summary, latency, requests)
  local errors = summary.errors
  print(string.format(
    '{{"requests": %d, "duration_us": %d, "p50_us": %d, "p99_us": %d, "failed": %d}}',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What one side did under the load."""

    rate: float
    """Jobs acknowledged a second."""
    p50_ms: float
    p99_ms: float
    requests: int


async def post(url: str, body: str, *, seconds: int, directory: Path) -> Load:
    """Send ``body`` to ``url`` as fast as it is answered, over ``CONNECTIONS`` connections.

    Raises:
        RuntimeError: an answer was no success, or ``wrk`` did not run; holds what it said.
    """
    script = directory / "post.lua"
    script.write_text(SCRIPT.format(body=body))
    options = ["-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--timeout", "10s", "-s", str(script)]
    running = await asyncio.create_subprocess_exec(
        _installed(), *options, url, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    said = (await running.communicate())[0].decode()
    if running.returncode != 0:
        raise RuntimeError(said)
    found = json.loads(said[said.rindex("{") :])
    if found["failed"] or not found["requests"]:
        raise RuntimeError(f"{found['failed']} of {found['requests']} requests failed: {said}")
    return Load(
        rate=found["requests"] / found["duration_us"] * 1e6,
        p50_ms=found["p50_us"] / 1000,
        p99_ms=found["p99_us"] / 1000,
        requests=found["requests"],
    )


def _installed() -> str:
    """The path of ``wrk``; installed with apt-get when it is missing."""
    if shutil.which("wrk") is None:
        print("  installing wrk with apt-get", flush=True)
        for command in (["apt-get", "update", "-q"], ["apt-get", "install", "-qy", "wrk"]):
            subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    found = shutil.which("wrk")
    if found is None:
        raise RuntimeError("there is no wrk on this machine, and apt-get did not bring it")
    return found

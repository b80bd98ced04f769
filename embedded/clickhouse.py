"""The embedded ClickHouse: the real engine in a process of its own, behind ClickHouse's HTTP."""

from __future__ import annotations

import sys
from pathlib import Path

from embedded.part import Part, http_part_ready


def clickhouse_part(data_dir: Path, *, port: int) -> Part:
    """The process whose tables lie under ``data_dir/clickhouse``.

    The address is ``http://127.0.0.1:PORT/default``.
    """
    return Part(
        name="clickhouse",
        command=(
            *(sys.executable, "-m", "embedded.clickhouse_server"),
            *("--path", str(data_dir / "clickhouse"), "--port", str(port)),
        ),
        environment={},
        address=f"http://127.0.0.1:{port}/default",
        log_file=data_dir / "logs" / "clickhouse.log",
        ready=http_part_ready(f"http://127.0.0.1:{port}/?query=SELECT%201", what="ClickHouse"),
    )

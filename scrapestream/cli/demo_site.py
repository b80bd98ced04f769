"""``scrapestream demo-site``: a place on this machine that a scraper takes for Google Maps."""

from __future__ import annotations

from typing import Annotated

import typer

from embedded.demo_site import DemoSettings, serve


def demo_site(
    port: Annotated[int, typer.Option(min=1, max=65_535, help="Port to listen on.")] = 8099,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    reviews: Annotated[
        int, typer.Option(min=0, max=100_000, help="Reviews of a place whose URL names no number.")
    ] = 244,
    latency_ms: Annotated[
        int, typer.Option(min=0, max=60_000, help="Time each batch of reviews takes, milliseconds.")
    ] = 100,
    seed: Annotated[int, typer.Option(min=0, help="Another seed, other reviews.")] = 7,
) -> None:
    """Serve demo places and receive webhooks until Ctrl-C."""
    typer.echo(f"demo site on http://{host}:{port}/ (a place: http://{host}:{port}/demo)", err=True)
    serve(DemoSettings(reviews=reviews, latency_ms=latency_ms, seed=seed), host=host, port=port)

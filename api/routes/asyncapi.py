"""``GET /asyncapi.json``: the topics and their messages, for who reads Kafka."""

from __future__ import annotations

from importlib.metadata import version

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from api.parts import Api
from api.payloads import json_response
from api.routes.resource import resource
from streams.asyncapi import document

# Where broker and registry are is nothing for everybody; `scrapestream asyncapi` fills it in.
BROKERS, REGISTRY_URL = "kafka:9092", "http://registry:8081"


def routes(api: Api) -> list[BaseRoute]:
    """The routes of this resource."""
    settings = api.parts.settings
    made = document(
        version=version("scrapestream"),
        brokers=BROKERS,
        registry_url=REGISTRY_URL,
        replicas=settings.replication_factor,
        retention_days=settings.event_retention_days,
    )

    async def read(request: Request) -> Response:
        return json_response(made)

    return [resource("/asyncapi.json", get=read)]

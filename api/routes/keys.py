"""``/keys``: keys of encrypted reviews, for those who read our topics themselves."""

from __future__ import annotations

import base64

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from api.bearer import check_bearer
from api.parts import Api
from api.payloads import json_response
from api.routes.resource import resource
from streams.errors import UnknownKeyError


def routes(api: Api) -> list[BaseRoute]:
    """The routes of this resource."""

    async def show(request: Request) -> Response:
        detail = "keys of reviews are given to those who show SCRAPESTREAM_KEYS_TOKEN"
        check_bearer(request, api.parts.settings.keys_token, detail)
        key_id = str(request.path_params["key_id"])
        key = None if api.parts.keys is None else await api.parts.keys.fetch(key_id)
        if key is None:
            raise UnknownKeyError(key_id[:64])
        secret = base64.b64encode(key.secret).decode()
        return json_response({"key_id": key.key_id, "algorithm": "A256GCM", "key": secret})

    return [resource("/keys/{key_id}", get=show)]

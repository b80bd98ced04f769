"""Turns whatever is raised into a problem; nothing else in the API catches to answer."""

from __future__ import annotations

from sse_starlette.sse import SendTimeoutError
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.links import Links
from api.problems import problem_response


class Problems:
    """Answers for exceptions of routes, router and the middleware inside this one."""

    def __init__(self, app: ASGIApp, links: Links) -> None:
        self._app = app
        self._links = links

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def send_and_note(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, send_and_note)
        except (ClientDisconnect, SendTimeoutError):
            return  # nobody is left to answer; the server closes the connection
        except Exception as error:
            if started:
                raise  # the server cuts the connection, so that the client sees the loss
            await problem_response(Request(scope), error, self._links)(scope, receive, send)

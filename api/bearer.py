"""Guards what is only for those who show a token that the operator has set."""

from __future__ import annotations

import hmac

from starlette.exceptions import HTTPException
from starlette.requests import Request


def check_bearer(request: Request, token: str, detail: str) -> None:
    """Let pass who shows ``token``; nobody, where there is none.

    Raises:
        HTTPException: 401, with ``detail``.
    """
    scheme, _, shown = request.headers.get("authorization", "").partition(" ")
    is_shown = hmac.compare_digest(shown.strip().encode(), token.encode())
    if not token or scheme.lower() != "bearer" or not is_shown:
        raise HTTPException(401, detail, headers={"WWW-Authenticate": "Bearer"})

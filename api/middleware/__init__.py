"""One pure ASGI middleware and its parts: it buffers nothing, so that streams stay streams."""

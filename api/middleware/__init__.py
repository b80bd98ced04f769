"""Pure ASGI middleware: nothing here buffers, so that streams stay streams."""

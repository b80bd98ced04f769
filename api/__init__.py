"""The HTTP API: submit, read, watch, cancel."""

"""Avro schemas and the codec that puts them on the wire."""

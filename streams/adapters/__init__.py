"""Drivers behind the ports, one file each, and their in-memory twins."""

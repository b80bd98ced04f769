"""Scrapers and the worker that runs them."""

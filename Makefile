# Short ways to everything; `make` lists them. ARGS="..." is handed on.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules --no-print-directory
BIN := .venv/bin
ARGS ?=

.PHONY: help setup demo up test lint bench clean

help: ## List the targets.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-7s %s\n", $$1, $$2 }' Makefile

setup: ## Install what is missing: system packages, .venv, jars.
	@scripts/setup.sh

demo: setup ## Show the whole way on real parts: start, scrape, watch, verify, stop.
	@exec $(BIN)/scrapestream demo $(ARGS)

up: setup ## Start everything on this machine; Ctrl-C stops it.
	@exec $(BIN)/scrapestream up $(ARGS)

test: setup ## Run all tests on real parts.
	$(BIN)/pytest $(ARGS)

lint: setup ## Check style, formatting, types and the direction of imports.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: setup ## Measure against the numbers of the design.
	$(BIN)/python -m bench $(ARGS)

clean: ## Remove caches and what the demo left; .venv and data stay.
	rm -rf .demo .cache build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name .venv -prune -o -name __pycache__ -type d -exec rm -rf {} +

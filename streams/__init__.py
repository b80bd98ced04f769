"""The event-sourced heart: domain, ports, adapters, agents and projections."""

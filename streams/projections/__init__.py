"""ClickHouse projections, one file each."""

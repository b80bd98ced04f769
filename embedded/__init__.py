"""The parts of a one-machine stack: Kafka, schema registry, ClickHouse, demo site."""

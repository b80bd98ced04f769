"""Where a key's records go must be the same for every writer."""

from __future__ import annotations

from aiokafka.partitioner import DefaultPartitioner
from hypothesis import given
from hypothesis import strategies as st

from streams.adapters.kafka_batches import hashes_of, partition_of
from streams.topics import PARTITIONS

ALL = list(range(PARTITIONS))


@given(st.one_of(st.binary(min_size=32, max_size=32), st.binary(max_size=40)))
def test_a_key_goes_where_the_producer_puts_it(key: bytes) -> None:
    assert partition_of(key, ALL) == DefaultPartitioner()(key, ALL, ALL)


@given(
    st.lists(st.binary(min_size=32, max_size=32), min_size=1)
    | st.lists(st.binary(max_size=40), min_size=1)
)
def test_many_keys_go_where_each_goes_by_itself(keys: list[bytes]) -> None:
    found = [ALL[number % len(ALL)] for number in hashes_of(keys)]
    assert found == [partition_of(key, ALL) for key in keys]

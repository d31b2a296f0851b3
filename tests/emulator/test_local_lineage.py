"""Which shards may be read, decided without a stream."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from threeways.aws.kinesis import Listed
from threeways.emulator.mapping.shards import passed_over, ready

SPLIT = [Listed("parent", closed=True), Listed("low", ("parent",)), Listed("high", ("parent",))]
MERGED = [
    Listed("a", closed=True),
    Listed("b", closed=True),
    Listed("child", ("a", "b")),
]


def test_the_children_of_a_split_wait_for_their_parent() -> None:
    assert ready(SPLIT, begun=(), complete=()) == ["parent"]
    assert ready(SPLIT, begun={"parent"}, complete=()) == []
    assert ready(SPLIT, begun={"parent"}, complete={"parent"}) == ["low", "high"]


def test_the_child_of_a_merge_waits_for_both_parents() -> None:
    assert ready(MERGED, begun={"a", "b"}, complete={"a"}) == []
    assert ready(MERGED, begun={"a", "b"}, complete={"a", "b"}) == ["child"]


def test_a_parent_that_the_stream_does_not_retain_any_more_is_not_waited_for() -> None:
    assert ready([Listed("child", ("gone",))], begun=(), complete=()) == ["child"]


def test_a_parent_that_is_being_read_is_waited_for_even_when_it_is_not_listed_any_more() -> None:
    assert ready([Listed("child", ("parent",))], begun={"parent"}, complete=()) == []


def test_from_latest_closed_shards_are_passed_over_and_from_elsewhere_none_is() -> None:
    assert passed_over(SPLIT, "LATEST") == {"parent"}
    assert passed_over(SPLIT, "TRIM_HORIZON") == passed_over(SPLIT, "AT_TIMESTAMP") == frozenset()


@st.composite
def histories(draw: st.DrawFn) -> list[Listed]:
    """Streams that were split and merged at random."""
    opened, listed, count = ["s0"], [Listed("s0")], 1
    for _ in range(draw(st.integers(0, 12))):
        merging = len(opened) > 1 and draw(st.booleans())
        parents = tuple(draw(st.permutations(opened))[: 2 if merging else 1])
        children = [f"s{count + number}" for number in range(1 if merging else 2)]
        count += len(children)
        opened = [shard for shard in opened if shard not in parents] + children
        listed = [Listed(shard.id, shard.parents, shard.closed or shard.id in parents) for shard in listed]
        listed += [Listed(child, parents) for child in children]
    return listed


@given(histories(), st.randoms())
def test_every_shard_is_begun_once_and_after_its_parents_were_complete(
    listed: list[Listed], random: object
) -> None:
    parents = {shard.id: shard.parents for shard in listed}
    begun: list[str] = []
    complete: set[str] = set()
    while len(complete) < len(listed):
        for shard_id in ready(listed, begun, complete):
            assert shard_id not in begun
            assert complete.issuperset(parents[shard_id])
            begun.append(shard_id)
        working = sorted(set(begun) - complete)
        assert working, "nothing is being read, and nothing may be begun"
        complete.add(random.choice(working))  # type: ignore[attr-defined]  # a random.Random
    assert sorted(begun) == sorted(parents)

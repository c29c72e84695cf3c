"""The tree against the recursive definition of RFC 9162 section 2.1, which shares nothing with the code but SHA-256."""

from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qcot.crypto import merkle

SIZES = st.integers(1, 200)


def naive_root(leaves):
    """MTH of section 2.1.1."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return sha256(b"\x00" + leaves[0]).digest()
    k = split(len(leaves))
    return sha256(b"\x01" + naive_root(leaves[:k]) + naive_root(leaves[k:])).digest()


def naive_path(m, leaves):
    """PATH of section 2.1.3.1."""
    if len(leaves) == 1:
        return []
    k = split(len(leaves))
    if m < k:
        return [*naive_path(m, leaves[:k]), naive_root(leaves[k:])]
    return [*naive_path(m - k, leaves[k:]), naive_root(leaves[:k])]


def naive_proof(m, leaves, whole=True):
    """SUBPROOF of section 2.1.4.1."""
    if m == len(leaves):
        return [] if whole else [naive_root(leaves)]
    k = split(len(leaves))
    if m <= k:
        return [*naive_proof(m, leaves[:k], whole), naive_root(leaves[k:])]
    return [*naive_proof(m - k, leaves[k:], False), naive_root(leaves[:k])]


def split(size):
    k = 1
    while 2 * k < size:
        k *= 2
    return k


def leaves_of(size):
    return [b"leaf %d" % i for i in range(size)]


def grow(leaves):
    tree, nodes = merkle.Frontier(), {}
    for leaf in leaves:
        tree, made = tree.append(merkle.leaf_hash(leaf))
        nodes |= {(level, index): digest for level, index, digest in made}
    return tree, lambda level, index: nodes[level, index]


@given(st.lists(st.binary(max_size=20), max_size=70))
def test_the_frontier_gives_the_root_and_can_be_read_back(leaves):
    tree, node = grow(leaves)
    assert tree.root() == naive_root(leaves)
    assert merkle.frontier(len(leaves), node) == tree


@given(SIZES, st.data())
def test_inclusion_paths_are_those_of_the_rfc_and_lead_to_the_root(size, data):
    index = data.draw(st.integers(0, size - 1))
    leaves = leaves_of(size)
    _, node = grow(leaves)
    path = merkle.inclusion_path(index, size, node)
    assert path == naive_path(index, leaves)
    assert merkle.root_from_inclusion(merkle.leaf_hash(leaves[index]), index, size, path) == naive_root(leaves)


@given(SIZES, st.data())
def test_a_path_of_another_length_place_size_or_leaf_leads_elsewhere(size, data):
    index = data.draw(st.integers(0, size - 1))
    leaves = leaves_of(size)
    tree, node = grow(leaves)
    path = merkle.inclusion_path(index, size, node)
    leaf = merkle.leaf_hash(leaves[index])
    other = data.draw(st.integers(0, size - 1).filter(lambda i: i != index)) if size > 1 else size
    changed = [
        (leaf, other, size, path),
        (leaf, index, size, [*path, bytes(32)]),
        (merkle.leaf_hash(b"other"), index, size, path),
        (leaf, size, size, path),
        (leaf, -1, size, path),
    ]
    if path:
        at = data.draw(st.integers(0, len(path) - 1))
        changed += [
            (leaf, index, size, path[:-1]),
            (leaf, index, size, [*path[:at], bytes(32), *path[at + 1 :]]),
        ]
    for wrong in changed:
        assert merkle.root_from_inclusion(*wrong) != tree.root()


@pytest.mark.parametrize("level", range(6))
def test_a_path_proves_nothing_of_a_tree_twice_the_size(level):
    """There every path is longer by one, and so the root that this one leads to is only a node."""
    size = 1 << level
    leaves = leaves_of(size)
    tree, node = grow(leaves)
    for index in range(size):
        path = merkle.inclusion_path(index, size, node)
        assert merkle.root_from_inclusion(merkle.leaf_hash(leaves[index]), index, 2 * size, path) is None
    for old in range(1, size):
        path = merkle.consistency_path(old, size, node)
        assert not merkle.is_consistent(old, 2 * size, naive_root(leaves[:old]), tree.root(), path)


@given(SIZES, SIZES, st.data())
def test_consistency_paths_are_those_of_the_rfc_and_prove_a_prefix_and_nothing_else(one, other, data):
    old, new = sorted((one, other))
    leaves = leaves_of(new)
    _, node = grow(leaves)
    path = merkle.consistency_path(old, new, node)
    assert path == naive_proof(old, leaves)
    roots = naive_root(leaves[:old]), naive_root(leaves)
    assert merkle.is_consistent(old, new, *roots, path)
    assert not merkle.is_consistent(old, new, bytes(32), roots[1], path)
    assert not merkle.is_consistent(old, new, roots[0], bytes(32), path)
    assert not merkle.is_consistent(old, new, *roots, [*path, bytes(32)])
    if path:
        at = data.draw(st.integers(0, len(path) - 1))
        assert not merkle.is_consistent(old, new, *roots, [*path[:at], bytes(32), *path[at + 1 :]])
        assert not merkle.is_consistent(old, new, *roots, path[:-1])


@pytest.mark.parametrize(("old", "new"), [(0, 3), (4, 3), (-1, 3)])
def test_no_proof_is_made_or_taken_between_sizes_that_have_none(old, new):
    _, node = grow(leaves_of(3))
    with pytest.raises(ValueError, match="no proof"):
        merkle.consistency_path(old, new, node)
    assert not merkle.is_consistent(old, new, bytes(32), bytes(32), [])
    with pytest.raises(ValueError, match="no leaf"):
        merkle.inclusion_path(3, 3, node)


@settings(max_examples=20)
@given(st.integers(0, 999_999))
def test_a_proof_over_a_million_leaves_reads_few_nodes(index):
    read = []

    def node(level, at):
        read.append((level, at))
        return bytes(32)

    path = merkle.inclusion_path(index, 1_000_000, node)
    assert len(path) <= 20
    assert len(read) <= 40

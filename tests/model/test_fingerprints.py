"""Spots are recognised by what they hold, from few bits that are bounded in number, and others are not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.sparse import csc_matrix, csr_matrix

from spacrd.features import ExpressionContract, SectionArrays
from spacrd.model._fingerprints import MAX_HASHES, SPOT_HASHES, n_shared, shares_spots, sketch, spot_hashes

GENES = np.array([f"g{i}" for i in range(200)])
EXPRESSION = ExpressionContract(tuple(GENES[:150]), tuple(GENES))


def section(seed, n=400, rate=1.0, image=None):
    counts = csr_matrix(np.random.default_rng(seed).poisson(rate, (n, 200)).astype(np.float32))
    return SectionArrays("a", np.zeros((n, 2)), 1.0, counts, GENES, image, np.full(n, np.nan))


def hashes(arrays, *, use_image=False, expression=EXPRESSION):
    return spot_hashes(arrays, expression, use_image=use_image)


def facts(*arrays, **options):
    return {SPOT_HASHES: sketch([hashes(one, **options) for one in arrays])}


def test_order_storage_and_further_genes_do_not_matter():
    one = section(0)
    first = hashes(one)
    assert len(first) == 400 and first.max() < 2**48
    rng = np.random.default_rng(1)
    rows, columns = rng.permutation(400), rng.permutation(200)
    mixed = replace(one, counts=csc_matrix(one.counts[rows][:, columns].astype(np.int32)).tocsr(), genes=GENES[columns])
    np.testing.assert_array_equal(hashes(mixed), first)
    np.testing.assert_array_equal(hashes(replace(one, counts=one.counts.toarray())), first)
    np.testing.assert_array_equal(hashes(replace(one, counts=one.counts[:, :150], genes=GENES[:150])), first)
    one.counts.data[0] += 1
    assert len(np.intersect1d(hashes(one), first)) == 399


@pytest.mark.parametrize("size", [3, 40, 400])
def test_a_part_is_known_and_other_sections_are_not(size):
    listed = facts(section(0), section(1))
    part = replace(section(1), counts=section(1).counts[400 - size :])
    assert shares_spots(hashes(part), listed)
    for seed in range(2, 40):
        assert not shares_spots(hashes(section(seed)), listed)
    assert not shares_spots(hashes(part), {})
    assert not shares_spots(hashes(part), {SPOT_HASHES: "no hashes " + "f" * 40})


def test_empty_sparse_and_repeated_spots_tell_nothing():
    assert len(hashes(section(0, rate=0.0))) == 0
    poor = section(0, n=20_000, rate=0.02)  # two or three counts, as in small bins: many are alike
    assert not shares_spots(hashes(section(1, n=20_000, rate=0.02)), facts(poor))
    one = section(0, n=50)
    one.counts[10:] = one.counts[0]
    assert len(hashes(one)) == 9


def test_the_number_of_hashes_is_bounded_and_parts_of_large_sets_are_known():
    large = [section(seed, n=10_000) for seed in range(3)]
    listed = facts(*large)
    assert len(listed[SPOT_HASHES].split()) == MAX_HASHES and len(listed[SPOT_HASHES]) < 60_000
    assert shares_spots(hashes(replace(large[2], counts=large[2].counts[:200])), listed)
    assert not shares_spots(hashes(section(9, n=10_000)), listed)


def test_embeddings_are_known_where_there_are_no_counts():
    rng = np.random.default_rng(0)
    image = rng.normal(size=(60, 8)).astype(np.float32)
    image[:5] = np.nan
    image[5:20] = 0.25  # blank patches are all alike
    one = replace(section(0, n=60), counts=None, genes=None, image=image)
    listed = facts(one, use_image=True)
    assert len(listed[SPOT_HASHES].split()) == 40
    assert shares_spots(hashes(replace(one, image=image[:30].astype(np.float64)), use_image=True), listed)
    assert not shares_spots(hashes(replace(one, image=image[:30])), listed)  # the model does not read it
    other = rng.normal(size=(60, 8)).astype(np.float32)
    other[:30] = 0.25
    assert not shares_spots(hashes(replace(one, image=other), use_image=True), listed)


def test_few_shared_spots_are_not_counted():
    one, other = hashes(section(0)), hashes(section(1))
    assert n_shared(one, other) == 0
    assert n_shared(one, np.unique(np.append(other, one[:19]))) == 0
    assert n_shared(one, np.unique(np.append(other, one[:21]))) == 21

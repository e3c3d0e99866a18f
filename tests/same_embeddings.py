"""Assert that embeddings are equal, column by column."""

from __future__ import annotations

from dataclasses import fields

import numpy as np

from mvd.results.embeddings import Embeddings


def assert_equal(found: Embeddings, expected: Embeddings) -> None:
    for field in fields(Embeddings):
        one, other = getattr(found, field.name), getattr(expected, field.name)
        if isinstance(one, np.ndarray):
            assert one.dtype == other.dtype
            np.testing.assert_array_equal(one, other)
        else:
            assert one == other, field.name

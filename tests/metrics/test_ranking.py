"""How a gallery is grouped by person; the places of matches are tested through the metrics."""

from __future__ import annotations

import numpy as np

from mvd.metrics.ranking import group_people


def test_layers_hold_each_picture_once_and_the_people_of_a_layer_lead_the_one_above() -> None:
    identities = np.array([5, 2, 9, 2, 5, 2, 9, 7])
    people = group_people(identities)
    assert sorted(np.concatenate(people.layers).tolist()) == list(range(8))
    assert [identities[layer].tolist() for layer in people.layers] == [[2, 5, 9, 7], [2, 5, 9], [2]]

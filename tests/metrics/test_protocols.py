"""Protocols as values: their names, what there is for each data set, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

import pytest

from mvd.errors import ProtocolError
from mvd.metrics.protocols import (
    llcm_protocol,
    own_protocol,
    protocols_of,
    regdb_protocol,
    select_protocols,
    sysu_protocol,
    validation_protocol,
)


def test_names_say_what_is_done() -> None:
    assert sysu_protocol("all", "official").name == "sysu/all-search/single-shot/official"
    assert sysu_protocol("indoor", "seeded", 10).name == "sysu/indoor-search/multi-shot/seeded"
    assert regdb_protocol("thermal-to-visible", 10).name == "regdb/thermal-to-visible/trial-10"
    assert llcm_protocol("infrared-to-visible").name == "llcm/infrared-to-visible/seeded"
    transposed = llcm_protocol("visible-to-infrared", transposed=True)
    assert transposed.name == "llcm/visible-to-infrared/seeded/transposed-as-released"
    assert own_protocol("visible-to-infrared", cameras=False).name == "own/visible-to-infrared"
    assert own_protocol("visible-to-infrared", cameras=True).name == "own/visible-to-infrared/other-cameras"
    assert validation_protocol("sysu").name == "sysu-validation/all-search/single-shot/seeded"
    assert validation_protocol("own", cameras=False).name == "own-validation/infrared-to-visible"


def test_the_validation_protocol_is_the_seeded_rule_under_another_name() -> None:
    assert replace(validation_protocol("sysu"), name="") == replace(sysu_protocol("all", "seeded"), name="")


@pytest.mark.parametrize(
    ("search", "gallery", "shots", "message"),
    [
        ("outdoor", "official", 1, "search of all or indoor, found 'outdoor'"),
        ("all", "random", 1, "gallery of official or seeded, found 'random'"),
        ("all", "official", 5, "shots of 1 or 10, found 5"),
    ],
)
def test_an_unknown_setting_is_an_error(search: Any, gallery: Any, shots: Any, message: str) -> None:
    with pytest.raises(ProtocolError, match=message):
        sysu_protocol(search, gallery, shots)


@pytest.mark.parametrize("field", ["shots", "trials"])
def test_a_protocol_needs_at_least_one_shot_and_trial(field: Literal["shots", "trials"]) -> None:
    protocol = sysu_protocol("all", "seeded")
    with pytest.raises(ProtocolError, match=f"expected {field} of at least 1, found 0"):
        replace(protocol, shots=0) if field == "shots" else replace(protocol, trials=0)


@pytest.mark.parametrize(("dataset", "count"), [("sysu", 8), ("regdb", 2), ("llcm", 3), ("own", 2)])
def test_every_protocol_of_a_data_set_has_a_name_of_its_own(dataset: str, count: int) -> None:
    names = [protocol.name for protocol in protocols_of(dataset, trial=3)]
    assert len(set(names)) == len(names) == count
    assert all(name.startswith(f"{dataset}/") for name in names)


def test_protocols_are_selected_by_name_or_pattern_each_once() -> None:
    known = protocols_of("sysu")
    exact = "sysu/indoor-search/multi-shot/seeded"
    selected = [protocol.name for protocol in select_protocols(known, [exact, "sysu/indoor-*/seeded"])]
    assert selected == [exact, "sysu/indoor-search/single-shot/seeded"]
    with pytest.raises(ProtocolError, match=r"sysu/all-search/single-shot/official, .* found 'regdb/\*'"):
        select_protocols(known, ["regdb/*"])


@pytest.mark.parametrize("trial", [0, 11])
def test_regdb_has_ten_trials(trial: int) -> None:
    with pytest.raises(ProtocolError, match=f"a trial of 1 or 2 or .* or 10, found {trial}"):
        regdb_protocol("visible-to-thermal", trial)


def test_what_nobody_defined_is_refused() -> None:
    with pytest.raises(ProtocolError, match="transposed variant of visible-to-infrared, found 'infrared-to-visible'"):
        llcm_protocol("infrared-to-visible", transposed=True)
    with pytest.raises(ProtocolError, match="validation people of sysu or own, found 'regdb'"):
        validation_protocol("regdb")
    with pytest.raises(ProtocolError, match="the data set sysu, regdb, llcm or own, found 'market'"):
        protocols_of("market")

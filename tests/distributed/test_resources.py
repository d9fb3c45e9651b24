from __future__ import annotations

from gestalt_space.distributed.resources import machine_name, repeated_names


def test_equal_names_of_machines_are_told_apart_by_their_addresses():
    machines = [("vm", "10.0.0.5"), ("vm", "10.0.0.6"), ("head", "10.0.0.4")]
    repeated = repeated_names(machines)
    assert [machine_name(*one, repeated) for one in machines] == [
        "vm (10.0.0.5)",
        "vm (10.0.0.6)",
        "head",
    ]


def test_several_nodes_of_one_machine_have_its_name():
    machines = [("vm", "10.0.0.5"), ("vm", "10.0.0.5")]
    assert repeated_names(machines) == set()

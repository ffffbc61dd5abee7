"""Values of a config that are typed: read as the type that they replace, or refused."""
import json
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kerasnd import config, overrides
from kerasnd.errors import Misuse


def load(*changes, **kwargs):
    return config.load(**{"method": "deep_svdd", "dataset": "digits", "normal": "3", "overrides": changes, **kwargs})


@pytest.mark.parametrize("key, text, value", [
    ("seed", "7", 7),
    ("normal", "1, 3", "1,3"),
    ("stages[0].fit.epochs", "20", 20),
    ("stages[1].model.nu", "1", 1.0),
    ("stages[1].optimizer.learning_rate", "3e-4", 3e-4),
    ("stages[1].optimizer.milestones", "[8,8]", [8, 8]),
    ("stages[1].optimizer.milestones", "8,9", [8, 9]),
    ("stages[1].optimizer.milestones", "5", [5]),
    ("stages[1].optimizer.milestones", "[]", []),
    ("stages[1].optimizer.milestones[0]", "4", 4),
    ("stages[1].model.objective", "soft_boundary", "soft_boundary"),
    ("stages[1].model.latent_dim", "8", 8),
    ("source.size", "[64, 48]", [64, 48]),
    ("source.label_column", "kind", "kind"),
    ("source.skip_unreadable", "True", True),
])
def test_an_override_is_read_as_the_type_that_it_replaces(key, text, value):
    found = load((key, text))
    for step in overrides.steps(key):
        found = found[step]
    assert found == value and type(found) is type(value)


@pytest.mark.parametrize("key, text, told", [
    ("stages[0].fit.epoch", "3", "Did you mean 'epochs'. Keys there: epochs, batch_size"),
    ("stages[0].fit.foo", "1", "'foo'.*Keys there: epochs, batch_size"),
    ("sed", "3", "Did you mean 'seed'"),
    ("stages[2].fit.epochs", "3", r"one of the 2 stages.*\[2\]"),
    ("stages[-1].fit.epochs", "3", "one of the 2 stages"),
    ("stages[x].fit.epochs", "3", "count with 0, 1"),
    ("stages.fit.epochs", "3", "which of the 2 stages"),
    ("stages[0].fit", "3", "not a section"),
    ("stages", "[]", "not a section"),
    ("stages[0].fit.epochs.x", "3", "is a value, not a section"),
    ("seed[0]", "3", "is no list"),
    ("stages[0]fit", "3", "must read like"),
    ("", "3", "must read like"),
    ("seed", "x", "must be an int.*'x'"),
    ("seed", "1.0", "must be an int"),
    ("seed", "-1", "at least 0"),
    ("seed", "4294967296", "below"),
    ("seed", "true", "must be an int"),
    ("source.skip_unreadable", "1", "must be true or false"),
    ("batches.cache_gib", "nan", "must be a float"),
    ("batches.cache_gib", "1e999", "must be a float"),
    ("stages[1].optimizer.milestones", "5,x", "list of int"),
    ("stages[1].optimizer.milestones", "5,2.5", "list of int"),
    ("stages[1].optimizer.milestones", "0", "at least 1"),
    ("stages[0].fit.epochs", "0", "at least 1"),
    ("stages[0].fit.batch_size", "-4", "at least 1"),
    ("stages[1].optimizer.learning_rate", "0", "positive"),
    ("stages[0].method", "rcea", "Did you mean 'rcae'"),
    ("protocol.name", "hold_out", "Did you mean 'holdout'"),
    ("protocol.share", "0.1", "Name a protocol too"),
    ("source.name", "", "--dataset"),
    ("normal", " , ", "--normal"),
])
def test_an_override_that_cannot_be_is_refused_in_one_line(key, text, told):
    with pytest.raises(Misuse, match=told) as refusal:
        load((key, text))
    assert "\n" not in str(refusal.value)


def test_the_protocols_name_comes_first_and_brings_its_defaults():
    found = load(("protocol.share", "0.1"), ("protocol.name", "contaminated"))
    assert found["protocol"] == {"name": "contaminated", "share": 0.1, "test_share": 0.4}


def test_a_constructors_argument_may_be_added_to_a_model_section():
    found = load(("stages[0].model.dropout", "0.2"), ("stages[1].optimizer.momentum", "0.9"))
    assert found["stages"][0]["model"]["dropout"] == 0.2 and found["stages"][1]["optimizer"]["momentum"] == 0.9
    with pytest.raises(Misuse, match="Did you mean 'dropout'"):
        load(("stages[0].model.dropot", "0.2"))
    with pytest.raises(Misuse, match="must be a float"):
        load(("stages[0].model.dropout", "much"))


@settings(deadline=None, max_examples=200)
@given(key=st.text(string.ascii_letters + "_[].0123456789-", max_size=30), text=st.text(max_size=20))
def test_no_override_ends_in_anything_but_a_value_or_a_refusal(key, text):
    section = {"stages": [{"fit": {"a": 1}}], "a": 2.0, "b": None, "c": [1, 2], "d": True, "e": "x"}
    try:
        overrides.override(section, key, text)
    except Misuse:
        return
    json.dumps(section, allow_nan=False)

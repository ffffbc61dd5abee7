"""Columns of a table as features: words become levels, what is missing is named or kept, and later tables go by names."""
import json

import numpy
import pytest
from own_input import load_unlabelled

from kerasnd.data.columns import MOST_LEVELS
from kerasnd.data.sources import load_data
from kerasnd.errors import BadData, Misuse

NAN = float("nan")
TRAIN = "load,phase,ok,fault\n1,ramp,true,0\n2,rest,false,1\n,\"ramp, up\",true,0\n4,,true,0\n"


@pytest.fixture
def table(tmp_path):
    def write(text, name="set.csv"):
        (tmp_path / name).write_text(text, encoding="utf-8")
        return str(tmp_path / name)
    return write


def refused(error, told, call, *args, **kwargs):
    with pytest.raises(error) as refusal:
        call(*args, **kwargs)
    assert told in str(refusal.value), str(refusal.value)
    assert "\n" not in str(refusal.value) and "Received: " in str(refusal.value)


def test_words_are_one_hot_and_what_is_missing_is_kept(table):
    pool = load_data(table(TRAIN), label_column="fault", missing="median")
    assert pool.schema == json.loads(json.dumps(pool.schema)) == {"label": "fault", "missing": "median", "columns": [
        {"name": "load", "kind": "number"}, {"name": "phase", "kind": "words", "levels": ["", "ramp", "ramp, up", "rest"]},
        {"name": "ok", "kind": "words", "levels": ["false", "true"]}]}
    expected = [[1, 0, 1, 0, 0, 0, 1], [2, 0, 0, 0, 1, 1, 0], [NAN, 0, 0, 1, 0, 0, 1], [4, 1, 0, 0, 0, 0, 1]]
    numpy.testing.assert_array_equal(pool.x, numpy.float32(expected))
    assert pool.x.dtype == numpy.float32 and pool.category.tolist() == [0, 1, 0, 0]


def test_one_hot_agrees_with_scikit_learn(table):
    from sklearn.preprocessing import OneHotEncoder
    words = numpy.random.default_rng(0).choice(["größe", "b b", "β", "Z", "none", "-"], (50, 2))
    pool = load_data(table("α,b,y\n" + "".join(f"{a},{b},{i % 2}\n" for i, (a, b) in enumerate(words))))
    numpy.testing.assert_array_equal(pool.x, OneHotEncoder(sparse_output=False).fit_transform(words))


def test_missing_values_are_refused_unless_asked_for(table):
    refused(BadData, "`load` must be given for every example. Received: '' in row 4, column 'load' of", load_data, table(TRAIN),
            label_column="fault")
    refused(BadData, "the first of 2 missing values (1 in 'load', 1 in 'phase')", load_data, table(TRAIN), label_column="fault")
    refused(BadData, "source.missing=median", load_data, table(TRAIN), label_column="fault")
    refused(BadData, "column 'b' of", load_data, table("a,b,y\n1,,0\n2,?,1\n"), missing="median")       # empty everywhere
    refused(BadData, "`y` must be given", load_data, table("a,y\n1,\n2,1\n"), missing="median")     # a class is never filled in


def test_too_many_words_and_mixed_columns_are_refused(table):
    def ids(n):
        return table("id,y\n" + "".join(f"u{i},{i % 2}\n" for i in range(n)))
    assert load_data(ids(MOST_LEVELS)).x.shape == (MOST_LEVELS, MOST_LEVELS)
    refused(Misuse, f"`id` must have at most {MOST_LEVELS} different words, of which each becomes a feature. Received: 51, "
            "the first 'u0' in row 2, column 'id'", load_data, ids(MOST_LEVELS + 1))
    refused(Misuse, "mostly numbers", load_data, table("a,y\n1,0\n2,1\n3x,0\n"))
    refused(Misuse, "categorical=onehot", load_data, table("a,y\nred,0\nblue,1\n"), categorical="refuse")


@pytest.mark.parametrize("options, told", [
    ({"missing": "mean"}, "`missing` must be one of refuse, median"), ({"missing": "medain"}, "Did you mean 'median'?"),
    ({"categorical": "one_hot"}, "`categorical` must be one of onehot, refuse")])
def test_unknown_ways_are_refused(table, options, told):
    refused(Misuse, told, load_data, table("a,y\n1,0\n2,1\n"), **options)


def test_tables_alone_have_these_options(tmp_path):
    numpy.savez(tmp_path / "x.npz", x=numpy.eye(3), y=[0, 1, 0])
    for name in (str(tmp_path / "x.npz"), "digits"):
        refused(Misuse, "`missing` is for .csv tables", load_data, name, missing="median")


# ---- later tables ----------------------------------------------------------------------------------------------------

@pytest.fixture
def schema(table):
    return load_data(table(TRAIN, "train.csv"), label_column="fault", missing="median").schema


def test_columns_go_by_their_names(table, schema):
    expected = load_data(table(TRAIN), label_column="fault", missing="median").x
    bare = "ok,phase,load\ntrue,ramp,1\nfalse,rest,2\ntrue,\"ramp, up\",\ntrue,NA,4\n"
    numpy.testing.assert_array_equal(load_unlabelled(table(bare), schema=schema).x, expected)
    numpy.testing.assert_array_equal(load_unlabelled(table(TRAIN.replace(",", ";").replace("ramp; up", "ramp, up")),
                                                     schema=schema).x, expected)
    extra = "\n".join(line + ",7" for line in TRAIN.strip().split("\n")).replace("fault,7", "fault,note")
    numpy.testing.assert_array_equal(load_unlabelled(table(extra), label_column="note", schema=schema).x, expected)
    again = load_data(table(bare.replace("load\n", "load,fault\n").replace("1\n", "1,9\n").replace("2\n", "2,8\n").replace(
        "\",\n", "\",,9\n").replace("4\n", "4,9\n")), schema=schema)
    numpy.testing.assert_array_equal(again.x, expected)
    assert again.names == ("8", "9") and again.schema == schema


@pytest.mark.parametrize("text, error, told", [
    ("load,phase\n1,ramp\n", Misuse, "`ok` must be a column, as in training"),
    ("lod,phase,okay\n1,ramp,true\n", Misuse, "without 'load', 'ok'. Did you mean 'lod'?"),
    ("load,phase,ok,more,x\n1,ramp,true,2,3\n", Misuse, "`more` must be a column of the training table"),
    ("load,phase,ok\nheavy,ramp,true\n", Misuse, "'heavy' in row 2, column 'load'"),
    ("load,phase,ok\n-inf,ramp,true\n", BadData, "'-inf' in row 2, column 'load'"),
])
def test_other_columns_are_refused_by_name(table, schema, text, error, told):
    refused(error, told, load_unlabelled, table(text), schema=schema)


def test_unknown_words_are_no_level_and_are_told_once(table, schema, caplog):
    text = "load,phase,ok\n1,boost,true\n2,boost,\n3,stop,true\n4,ramp,true\n"
    with caplog.at_level("WARNING", "absl"):
        x = load_unlabelled(table(text), schema=schema).x
    numpy.testing.assert_array_equal(x[:, 1:5], [[0] * 4] * 3 + [[0, 1, 0, 0]])
    numpy.testing.assert_array_equal(x[:, 5:], [[0, 1], [0, 0], [0, 1], [0, 1]])        # `ok` was never missing in training
    assert len(caplog.records) == 1 and "'phase': 'boost' (2), 'phase': 'stop' (1), 'ok': '' (1)" in caplog.text
    strict = {**schema, "missing": "refuse"}
    refused(BadData, "`ok` must be given for every example. Received: '' in row 3", load_unlabelled, table(text), schema=strict)


def test_without_a_schema_all_columns_but_the_label_are_numbers(table):
    path = table("a,colour,y\n1,red,0\n")
    refused(Misuse, "if it is the class, give --label_column=colour", load_unlabelled, path)
    refused(BadData, "`a` must be given for every example", load_unlabelled, table("a,y\n,0\n"))
    refused(Misuse, "'y' alone", load_unlabelled, table("y\n0\n"))

"""A config is a nested dict of plain values: what the file says, then the flags, then the overrides."""
import json

import numpy as np
import pytest
import scipy.io

from kerasnd import config, config_file, training
from kerasnd.errors import Misuse
from kerasnd.methods import METHODS, SOLVED

HYBRIDS = {"hybrid_ocsvm": "ocsvm", "hybrid_isoforest": "isoforest", "hybrid_kde": "kde", "hybrid_ssad": "ssad"}
SHIPPED = {**{method: method for method in METHODS}, **HYBRIDS}
VARIANTS = [*[f"{name}{variant}" for name in SHIPPED for variant in (".py", ".py:paper")], "ocsvm.py:oracle",
            "hybrid_ocsvm.py:oracle", "ssad.py:oracle", "hybrid_ssad.py:oracle"]


def load(*changes, **kwargs):
    return config.load(**{"method": "deep_svdd", "dataset": "digits", "normal": "3", "overrides": changes, **kwargs})


@pytest.fixture
def written(tmp_path):
    """Writes a config file and returns its path."""
    def write(text, name="own.py"):
        (tmp_path / name).write_text(text)
        return str(tmp_path / name)
    return write


# ---- what a config holds ---------------------------------------------------------------------------------------------

@pytest.mark.parametrize("name", VARIANTS)
@pytest.mark.parametrize("dataset", ["digits", "breast_cancer", "mnist", "cifar10", "own/photos", "table.csv"])
def test_every_shipped_config_resolves_to_plain_values(name, dataset):
    found = config.load(file=f"configs/{name}", dataset=dataset, normal="1")
    assert json.loads(json.dumps(found, allow_nan=False)) == found and set(found) == set(config.DEFAULTS)
    for stage in found["stages"]:
        assert set(config.STAGE) - set(stage) == ({"optimizer", "fit"} if stage["method"] in SOLVED else set())
    assert found["stages"][-1]["method"] == SHIPPED[name.partition(".")[0]]


@pytest.mark.parametrize("name", VARIANTS)
def test_every_shipped_config_gives_arguments_that_its_methods_take(name):
    config.check_arguments(config.load(file=f"configs/{name}", dataset="mnist", normal="1"))


def test_every_config_file_is_tried_here():
    assert {path.stem for path in config_file.folder().glob("*.py")} - {"__init__"} == set(SHIPPED)


@pytest.mark.parametrize("name", VARIANTS)
def test_the_truth_of_the_test_set_chooses_nothing_unless_the_name_says_oracle(name):
    stages = config.load(file=f"configs/{name}", dataset="mnist", normal="1")["stages"]
    assert any(training.asks_oracle(stage) for stage in stages) is name.endswith(":oracle")


def test_an_argument_that_the_method_lacks_is_refused_with_a_suggestion():
    found = load()
    found["stages"][1]["model"]["nuu"] = 0.5
    with pytest.raises(Misuse, match=r"stages\[1\]\.model.*'nuu'.*Did you mean 'nu'"):
        config.check_arguments(found)


@pytest.mark.parametrize("dataset, shape, kind", [("mnist", (28, 28, 1), "gcn_l1"), ("photos", (64, 48, 3), "gcn_l1"),
                                                  ("breast_cancer", (30,), "minmax"), ("own.npz", (3,), "minmax")])
@pytest.mark.parametrize("method", ["deep_svdd", "ocnn"])
@pytest.mark.parametrize("variant", ["", ":paper"])
def test_the_stages_of_a_shipped_config_normalise_alike(method, variant, dataset, shape, kind):
    stages = config.load(file=f"configs/{method}.py{variant}", dataset=dataset, normal="0")["stages"]
    assert [training.preprocess(stages, number, shape) for number in range(2)] == [kind, kind]


def test_flags_replace_what_the_file_says(written):
    file = written("def get_config():\n    return {'seed': 5, 'normal': [1, 3], 'source': {'name': 'digits', 'size': 16},"
                   "'stages': [{'method': 'rcae'}]}")
    own = config.load(file=file)
    assert (own["seed"], own["normal"], own["source"]["name"], own["source"]["size"]) == (5, "1,3", "digits", 16)
    flagged = config.load(file=file, seed=2, normal="7", dataset="mnist", skip_unreadable=True)
    assert (flagged["seed"], flagged["normal"], flagged["source"]["name"]) == (2, "7", "mnist")
    assert flagged["source"]["size"] == 16 and flagged["source"]["skip_unreadable"] is True


def test_a_config_file_is_told_the_dataset_and_the_variant(written):
    file = written("def get_config(dataset, variant=None):\n"
                   "    return {'stages': [{'method': 'rcae', 'model': {'told': [dataset, variant]}}]}")
    assert config.load(file=f"{file}:big", dataset="mnist", normal="1")["stages"][0]["model"]["told"] == ["mnist", "big"]
    named = config.load(file=file, normal="1", overrides=[("source.name", "cifar10")])
    assert named["stages"][0]["model"]["told"] == ["cifar10", None]


def test_a_shipped_config_is_found_from_any_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert config.load(file="configs/ocnn.py:paper", dataset="digits", normal="3")["stages"][1]["method"] == "ocnn"
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "ocnn.py").write_text("def get_config():\n    return {'stages': [{'method': 'rcae'}]}")
    assert config.load(method="ocnn", dataset="digits", normal="3")["stages"][-1]["method"] == "ocnn"
    assert config.load(file="configs/ocnn.py", dataset="digits", normal="3")["stages"][-1]["method"] == "rcae"


def test_a_path_holds_from_any_folder(tmp_path, monkeypatch):
    (tmp_path / "table.csv").touch()
    monkeypatch.chdir(tmp_path)
    assert load(dataset="table.csv")["source"]["name"] == str(tmp_path / "table.csv")
    assert load(dataset="digits")["source"]["name"] == "digits"


# ---- config files ----------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("text, told", [
    ("", "a function get_config"),
    ("def get_config(:", r"SyntaxError.*\(line 1\)"),
    ("def get_config():\n    return 1 / 0", r"ZeroDivisionError: division by zero \(line 2\)"),
    ("import no_such_module", "ModuleNotFoundError"),
    ("raise SystemExit(0)", "SystemExit"),
    ("\0", "that runs"),
    ("def get_config(depth):\n    return {}", "TypeError"),
    ("def get_config():\n    return 3", "must be a section"),
    ("def get_config():\n    return {}", "at least one stage"),
    ("def get_config():\n    return {'stage': []}", "Did you mean 'stages'"),
    ("def get_config():\n    return {'stages': [{'methd': 'rcae'}]}", "Did you mean 'method'"),
    ("def get_config():\n    return {'stages': [{'method': 'rcea'}]}", "Did you mean 'rcae'"),
    ("def get_config():\n    return {'stages': [{'method': 'rcae', 'fit': {'epochs': '3'}}]}", "`epochs` of type int"),
    ("def get_config():\n    return {'stages': [{'method': 'rcae', 'fit': 3}]}", "must be a section"),
    ("def get_config():\n    return {'stages': [{'method': 'rcae', 'fit': {'epoch': 3}}]}",
     r"stages\[0\]\.fit.*Did you mean 'epochs'"),
    ("def get_config():\n    return {'stages': [{'method': 'rcae', 'fit': {'class_weight': 3}}]}",
     "epochs, batch_size.*'class_weight'"),
    ("def get_config():\n    return {'stages': [{'method': 'rcae', 'model': {'x': print}}]}", "plain values"),
    ("def get_config():\n    return {'source': {'nme': 'digits'}, 'stages': [{'method': 'rcae'}]}", "Did you mean 'name'"),
    ("def get_config():\n    return {'protocol': {'name': 'holdout', 'share': 1}, 'stages': [{'method': 'rcae'}]}", "test_share"),
])
def test_a_config_file_that_cannot_be_used_is_refused_in_one_line(written, text, told):
    with pytest.raises(Misuse, match=told) as refusal:
        config.load(file=written(text), dataset="digits", normal="3")
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("file, told", [
    ("configs/ocn.py", "Did you mean 'configs/ocnn.py'"),
    ("configs", "no regular file"),
    ("/dev/null", "no regular file"),
    ("configs/ocnn.py:papr", "Did you mean 'paper'"),
])
def test_a_config_that_is_not_there_is_refused_with_what_is(file, told):
    with pytest.raises(Misuse, match=told):
        config.load(file=file, dataset="digits", normal="3")


def test_what_is_not_given_is_asked_for():
    for missing, told in (("method", "--method"), ("dataset", "--dataset"), ("normal", "--normal")):
        with pytest.raises(Misuse, match=told):
            load(**{missing: None})
    with pytest.raises(Misuse, match="Did you mean 'ocnn'"):
        load(method="ocn")
    with pytest.raises(Misuse, match="Leave --method out"):
        load(method="ocnn", file="configs/rcae.py")


def test_a_table_of_normals_and_anomalies_needs_no_normal(tmp_path):
    rng = np.random.default_rng(0)
    sets = {"cardio.mat": (rng.normal(size=(9, 3)), [0] * 5 + [1] * 4, "0"),
            "words.mat": (rng.normal(size=(9, 3)), [1] * 5 + [2] * 4, None),
            "three.mat": (rng.normal(size=(9, 3)), [0, 1, 2] * 3, None),
            "images.mat": (rng.normal(size=(9, 3, 3)), [0] * 5 + [1] * 4, None)}
    for name, (x, y, normal) in sets.items():
        scipy.io.savemat(tmp_path / name, {"X": x, "y": np.array(y)})
        for asked in ({"dataset": str(tmp_path / name)}, {"dataset": name.removesuffix(".mat"), "data_dir": str(tmp_path)}):
            if normal is None:
                with pytest.raises(Misuse, match="`--normal` must name"):
                    load(normal=None, **asked)
            else:
                assert load(normal=None, **asked)["normal"] == normal and load(normal="1", **asked)["normal"] == "1"
    (tmp_path / "own.csv").write_text("a,kind\n1,0\n2,1\n3,0\n")
    assert load(normal=None, dataset=str(tmp_path / "own.csv"), label_column="kind")["normal"] == "0"
    (tmp_path / "gaps.csv").write_text("a,kind\n1,0\n,1\n3,0\n")
    assert load(("source.missing", "median"), normal=None, dataset=str(tmp_path / "gaps.csv"), label_column="kind")["normal"] == "0"
    assert load(("normal", ""), dataset="breast_cancer")["normal"] == "0"
    for unread in ("digits", "mnist", "cifar10"):           # the last two are not even looked for
        with pytest.raises(Misuse, match="`--normal` must name"):
            load(normal=None, dataset=unread)


def test_a_variant_stands_after_the_colon(tmp_path):
    assert config_file.split_variant("a/b.py:big") == ("a/b.py", "big")
    assert config_file.split_variant("a/b.py") == ("a/b.py", None)
    odd = tmp_path / "a:b.py"
    odd.touch()
    assert config_file.split_variant(str(odd)) == (str(odd), None)


# ---- comparing -------------------------------------------------------------------------------------------------------

def test_configs_differ_where_a_value_does():
    assert config.differences(load(), load()) == []
    assert config.differences(load(), load(("stages[0].fit.epochs", "5"))) == ["stages[0].fit.epochs (200, now 5)"]
    old, new = load(), load()
    del new["stages"][1], old["seed"]
    told = config.differences(old, new)
    assert "seed (null, now 0)" in told and "stages[1].method (\"deep_svdd\", now null)" in told


@pytest.mark.parametrize("name", HYBRIDS)
def test_the_hybrids_take_deep_sads_networks(name):
    for dataset in ("fashion_mnist", "mnist", "cardio"):
        first, theirs = (load(method=None, file=f"configs/{each}.py:paper", dataset=dataset)["stages"][0]["model"]["network"]
                         for each in (name, "deep_sad"))
        assert first == theirs

"""Published tables: every cell resolves, the numbers add up as the papers say, and ours stand beside them."""
import statistics

import pytest

from kerasnd import config, config_file
from kerasnd.errors import Misuse
from kerasnd.sweep import beside, budgeting, planning, tables
from kerasnd.sweep.cells import Cell

FILES = sorted(f"configs/tables/{path.name}" for path in (config_file.folder() / "tables").glob("[a-z]*.py"))


@pytest.mark.parametrize("file", FILES)
def test_every_cell_resolves_and_has_a_folder_of_its_own(file):
    table = tables.read(file)
    cells = table.cells()
    assert len({cell.folder for cell in cells}) == len(cells) > 0
    kinds = {(cell.config, cell.dataset, cell.overrides): cell for cell in cells}
    for cell in kinds.values():
        settings = config.load(method=cell.method or None, file=cell.config or None, dataset=cell.dataset, normal=cell.normal,
                               seed=cell.seed, overrides=cell.overrides)
        assert settings["protocol"]["name"] == dict(cell.overrides).get("protocol.name", settings["protocol"]["name"])
    for stages in {(cell.method, cell.config): cell for cell in kinds.values()}.values():
        config.check_arguments(config.load(method=stages.method or None, file=stages.config or None, dataset=stages.dataset,
                                           normal=stages.normal, overrides=stages.overrides))


@pytest.mark.parametrize("file", FILES)
def test_its_head_says_what_it_costs_and_how_it_is_run(file):
    text = (config_file.folder().parent / file).read_text() if (config_file.folder().parent / file).exists() else (
        config_file.folder() / file.removeprefix("configs/")).read_text()
    head = text.split('"""')[1]
    assert all(word in head for word in ("Paper:", "Cost:", "Needs:", "Command:", f"--config={file}"))
    table = tables.read(file)
    assert all(row.get("certainty") for row in table.rows if row.get("published"))


def means(file, row, group):
    table = tables.read(file)
    row = next(each for each in table.rows if each["name"] == row)
    return statistics.mean(table.published(row, column["name"]).mean for column in table.groups()[group])


@pytest.mark.parametrize("file, row, group, mean", [
    ("deep_svdd", "Deep SVDD one_class", "MNIST", 94.80), ("deep_svdd", "Deep SVDD one_class", "CIFAR-10", 64.81),
    ("arae", "ARAE", "MNIST", 97.5), ("arae", "ARAE", "Fashion-MNIST", 93.6), ("arae", "ARAE", "CIFAR-10", 60.2),
    ("arae", "OCGAN", "MNIST", 97.5), ("arae", "LSA", "MNIST", 97.5), ("arae_p1", "50 %", "MNIST p1", 0.9746),
    ("arae_p1", "10 %", "MNIST p1", 0.9710), ("arae_p1", "after 500 epochs", "MNIST union", 0.9757),
    ("ocnn", "OC-NN", "CIFAR-10", 61.99), ("ocnn", "OC-SVM", "CIFAR-10", 65.47), ("ocnn", "isolation forest", "CIFAR-10", 65.13),
])
def test_published_means_are_those_of_their_cells(file, row, group, mean):
    digits = 4 if mean < 1 else len(str(mean).partition(".")[2])
    assert means(f"configs/tables/{file}.py", row, group) == pytest.approx(mean, abs=0.51 * 10 ** -digits + 1e-9)


def test_scenarios_of_one_study_agree_where_they_overlap():
    known, polluted = (tables.read(f"configs/tables/deep_sad_{name}.py") for name in ("known", "polluted"))
    for name in ("SSAD Hybrid", "SS-DGM", "Deep SAD", "Supervised"):      # .05 labelled and nothing hidden is in both tables
        one, two = (next(row for row in table.rows if row["name"] == name) for table in (known, polluted))
        for data in ("MNIST", "F-MNIST", "CIFAR-10"):
            assert known.published(one, f"{data} .05").mean == polluted.published(two, f"{data} .00").mean
    row = next(row for row in known.rows if row["name"] == "Deep SAD")
    cell = known.entries(row, next(each for each in known.columns if each["name"] == "MNIST .05"), seeds=[3])[7]
    assert (cell.normal, cell.seed, cell.config) == ("7", 3, "configs/deep_sad.py:paper")
    assert dict(cell.overrides) == {"protocol.name": "semi_supervised", "protocol.ratio_pollution": "0",
                                    "protocol.ratio_known_outlier": "0.05"}


def small(**more):
    return {"title": "T", "source": "S", "metric": "auroc", "scale": 100, "seeds": [0, 1], "columns": [
        {"name": "a", "group": "G", "dataset": "digits", "normals": ["1"]},
        {"name": "b", "group": "G", "dataset": "digits", "normals": ["2", "3"]}], "rows": [
        {"name": "ours", "method": "kde", "published": {"a": [90, 1.5], "b": 80}, "certainty": "read"},
        {"name": "theirs", "published": {"a": 70, "G mean": 75}, "certainty": "from memory"}], **more}


@pytest.mark.parametrize("change, told", [
    ({"colums": []}, "Did you mean 'columns'"), ({"seeds": 3}, "`seeds` of t must be of type"),
    ({"rows": [{"name": "x", "published": {"c": 1}}]}, "must name columns. Received: 'c'"),
    ({"rows": [{"name": "x"}, {"name": "x"}]}, "names that differ. Received: 'x' twice"),
    ({"columns": [{"name": "a"}]}, "'dataset'"), ({"rows": [{"name": "a, b"}]}, "without commas"),
    ({"rows": [{"name": "a", "shorten": {"H": 2}}]}, "must have groups .G. and numbers of 1 or more. Received: 'H': 2"),
    ({"rows": [{"name": "a", "shorten": {"G": 0.5}}]}, "Received: 'G': 0.5"),
])
def test_a_table_that_is_none_is_refused_in_one_line(change, told):
    with pytest.raises(Misuse, match=told):
        tables.Table(small(**change), "t")


def test_flags_choose_from_the_cells():
    table = tables.Table(small())
    assert [(cell.normal, cell.seed) for cell in table.cells()] == [("1", 0), ("1", 1), ("2", 0), ("3", 0), ("2", 1), ("3", 1)]
    assert table.cells(seeds=[5], normals=["2"]) == [Cell("ours", "digits", "2", 5, "kde")]
    with pytest.raises(Misuse, match="Did you mean 'ours'"):
        table.cells(methods=["our"])
    with pytest.raises(Misuse, match="must leave cells of the table"):
        table.cells(normals=["9"])


def test_two_columns_of_the_same_cells_are_told_apart_where_a_row_has_both():
    values = small()
    values["columns"].append({"name": "c", "group": "told", "dataset": "digits", "normals": ["1"], "overrides": {"x": "1"}})
    values["rows"] += [{"name": "one", "method": "kde", "columns": ["a"]}, {"name": "other", "method": "kde", "columns": ["c"]}]
    assert {cell.row for cell in tables.Table(values).cells(normals=["1"])} == {"ours, a", "ours, c", "one", "other"}


def test_in_the_table_of_all_methods_one_that_knows_labels_has_columns_of_its_own():
    table = tables.read("configs/tables/all_methods.py")
    results = {beside.key_of(cell): {"auroc": 0.9, "split": dict(cell.overrides)["protocol.name"]} for cell in table.cells()}
    text = beside.markdown(table, results, [0])
    assert "left out" not in text and "not run" not in text
    alone, told = text.split("\n## CIFAR-10\n")[0], text.split("\n## MNIST, 5 % known\n")[1].split("\n## ")[0]
    assert "**deep_svdd**" in alone and "**deep_sad" not in alone and "**deep_sad .05**" in told and "**deep_svdd**" not in told


def test_a_row_is_shortened_as_the_table_says_unless_the_flag_does():
    table = tables.Table(small(rows=[{"name": "short", "method": "autoencoder", "shorten": {"G": 10}},
                                     {"name": "whole", "method": "autoencoder"}]))
    for factor, short, whole in ((None, 30, 300), (4.0, 75, 75), (1.0, 300, 300)):
        jobs = planning.plan(table.cells(seeds=[0], normals=["1"]), factor=factor)
        assert {job.cell.row: job.epochs for job in jobs} == {"short": (short,), "whole": (whole,)}
        said = budgeting.said(jobs)
        assert ("short on digits: 30 epochs, divided by 10" in said) == (factor is None)
        assert ("divided by 4:" in said) == (factor == 4) and ("as it is" in said) == (factor == 1)


def test_ours_stand_beside_what_was_published():
    table = tables.Table(small())
    results = {beside.key_of(cell): {"auroc": 0.9 + 0.01 * cell.seed - 0.1 * (cell.normal == "3"), "split": "p"}
               for cell in table.cells()}
    text = beside.markdown(table, results, [0, 1])
    deviation = statistics.stdev([90, 91, 80, 81])
    assert f"| **ours** | 90.5 ± 0.7 | 85.5 ± {deviation:.1f} | 88.0 |" in text
    assert "| ours, published [1] | 90.0 ± 1.5 | 80.0 | 85.0 |" in text and "| difference | +0.5 | +5.5 | +3.0 |" in text
    assert "| theirs, published [2] | 70.0 |  | 75.0 |" in text and "1: read." in text and "2: from memory." in text
    assert "**theirs**" not in text
    partly = beside.markdown(table, dict(list(results.items())[:3]), [0, 1])
    assert "(1 of 4) |  |" in partly
    none = beside.markdown(table, {}, [0, 1], "where from")
    assert "| **ours** | not run | not run |  |" in none and "where from" in none
    lost = {**results, ("ours", "digits", "1", 0): {"error": "it\nbroke"}, ("ours", "digits", "1", 1): {"error": "too"}}
    assert "| **ours** | failed |" in beside.markdown(table, lost, [0, 1])
    assert "- failed: ours/digits/1/0: it broke" in beside.markdown(table, lost, [0, 1])


def test_rows_that_judge_other_examples_share_no_column():
    values = small()
    values["rows"].append({"name": "others", "method": "isoforest"})
    table = tables.Table(values)
    results = {beside.key_of(cell): {"auroc": 0.9, "split": "p, examples 1" if cell.row == "ours" else "q, examples 2"}
               for cell in table.cells()}
    text = beside.markdown(table, results, [0, 1])
    assert "| **others** | left out | left out |  |" in text
    assert "- others/digits/1/0 is left out: it was judged by q, examples 2, others of its column by p, examples 1." in text

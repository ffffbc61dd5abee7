"""The table over many runs: what is averaged with what, and what is left out."""
import csv
import json
import math
import shutil
import statistics
import subprocess
import sys

import numpy
import pytest

from kerasnd import comparison, metrics, report, report_comparison, report_text
from kerasnd.errors import BadData, Misuse


def a_run(folder, name, *, method="ocnn", objective=None, dataset="digits", normal="3", seed=0, protocol="holdout",
          options=(("test_share", 0.4),), epochs=5, digest="0123456789ab", shift=1.0, judged=(), reused="", **more):
    """Writes a run folder like the ones that training leaves; returns its path and its AUROC."""
    rng = numpy.random.default_rng([seed, *name.encode()])
    label = numpy.repeat([0, 1], [20, 30]).astype("int8")
    score = (rng.normal(size=50) + shift * label).astype("float32")
    model = {"nu": 0.1} if objective is None else {"objective": objective, "nu": 0.1}
    config = {
        "seed": seed, "source": {"name": dataset, "size": None}, "normal": normal, "batches": {"cache_gib": 2.0},
        "protocol": {"name": protocol, **dict(options)},
        "stages": [{"method": "autoencoder", "model": {}, "fit": {"epochs": epochs}, "run": reused},
                   {"method": method, "model": model, "fit": {"epochs": 7, "batch_size": 128}, "run": ""}],
        "precision": "float32", "limit": 0, "outliers": "", "hints": "", **more}
    run = folder / name
    run.mkdir(parents=True)
    numpy.savez(run / "scores.npz", index=numpy.arange(50), label=label, score=score)
    (run / "config.json").write_text(json.dumps({
        "format": 1, "method": method, "config": config, "protocol": {"name": protocol, "hash": digest},
        "versions": {"kerasnd": "0.1.0"}, "command": ["bin/train"]}))
    numbers = {**metrics.summary(label, score), "untrained_auroc": 0.7, "raw_mean_auroc": 0.6, "fit_seconds": 1.0,
               "protocol": protocol, **dict(judged)}
    (run / "metrics.json").write_text(json.dumps(numbers))
    return run, numbers["auroc"]


def rewrite(path, **changes):
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_the_mean_is_over_classes_and_seeds_and_the_class_mean_over_seeds(tmp_path):
    areas = {(normal, seed): a_run(tmp_path, f"{normal}/{seed}", normal=normal, seed=seed)[1]
             for normal in ("9", "10", "2") for seed in (0, 1)}
    row, = report.table(report.collect(tmp_path))
    mean, deviation, n = row["all"]["auroc"]
    assert mean == pytest.approx(statistics.mean(areas.values())) and n == 6 == row["n_runs"]
    assert deviation == pytest.approx(statistics.stdev(areas.values()))
    assert list(row["classes"]) == ["2", "9", "10"]                 # numbers are ordered as numbers
    for normal, (n_runs, averages) in row["classes"].items():
        both = [areas[normal, 0], areas[normal, 1]]
        assert n_runs == 2 and averages["auroc"] == pytest.approx((statistics.mean(both), statistics.stdev(both), 2))
    assert row["all"]["untrained_auroc"][0] == pytest.approx(0.7) and "f1_inlier" not in row["all"]


def test_every_metric_is_averaged_and_one_run_has_no_deviation(tmp_path):
    run, _ = a_run(tmp_path, "one", judged={"f1_inlier": 0.25, "accept_all_f1": 0.5})
    row, = report.table(report.collect(tmp_path))
    numbers = json.loads((run / "metrics.json").read_text())
    assert {name: value for name, (value, _, _) in row["all"].items()} == {name: numbers[name] for name in report_text.JUDGED}
    assert {(deviation, n) for _, deviation, n in row["all"].values()} == {(None, 1)}


@pytest.mark.parametrize("difference", [
    {"protocol": "one_vs_rest", "options": ()}, {"options": (("test_share", 0.3),)}, {"method": "deep_svdd"},
    {"objective": "released"}, {"dataset": "mnist"}, {"epochs": 6}, {"limit": 100}, {"outliers": "uniform_noise"},
    {"precision": "bfloat16"}, {"hints": "known.csv"},
])
def test_runs_that_differ_in_more_than_class_and_seed_are_never_merged(difference, tmp_path):
    first, area = a_run(tmp_path, "a")
    second, other = a_run(tmp_path, "b", **difference)
    rows = report.table(report.collect(tmp_path))
    assert sorted(row["all"]["auroc"][0] for row in rows) == sorted([area, other]) and len(rows) == 2
    _, _, one, two = report_text.markdown(rows).splitlines()[4:8]
    assert one.split(" | ")[:5] != two.split(" | ")[:5]             # a reader can tell them apart
    report.write(tmp_path, tmp_path / "t.csv")
    cells = [tuple(line.values())[:6] for line in csv.DictReader((tmp_path / "t.csv").open()) if line["normal"] == "(all)"]
    assert len(set(cells)) == 2


@pytest.mark.parametrize("difference", [
    {"normal": "4"}, {"seed": 1}, {"normal": "4", "reused": "saved_models/autoencoder/digits/4/0"},
    {"normal": "4", "digest": "ba9876543210"}, {"normal": "4", "batches": {"cache_gib": 8.0}},
])
def test_class_seed_and_what_changes_no_result_are_merged(difference, tmp_path):
    a_run(tmp_path, "a")
    a_run(tmp_path, "b", **difference)
    row, = report.table(report.collect(tmp_path))
    assert row["n_runs"] == 2 and row["settings"] == ""


def test_hint_files_of_several_classes_are_one_setting(tmp_path):
    for normal in "34":
        a_run(tmp_path, normal, normal=normal, hints=f"{normal}.csv")
    row, = report.table(report.collect(tmp_path))
    assert row["n_runs"] == 2 and row["settings"] == "hints=given"


def test_a_dry_run_is_told_even_where_all_runs_are_dry(tmp_path):
    for normal in "34":
        a_run(tmp_path, normal, normal=normal, limit=100)
    row, = report.table(report.collect(tmp_path))
    assert row["settings"] == "limit=100"


def test_only_what_differs_is_named(tmp_path):
    for value in (0.1, 0.5):
        run, _ = a_run(tmp_path, str(value))
        record = json.loads((run / "config.json").read_text())
        record["config"]["stages"][1]["model"]["lambda"] = value
        rewrite(run / "config.json", config=record["config"])
    a_run(tmp_path, "other method", method="deep_svdd", epochs=99)
    assert [row["settings"] for row in report.table(report.collect(tmp_path))] == [
        "", "stages[1].model.lambda=0.1", "stages[1].model.lambda=0.5"]


def test_the_variant_is_the_last_stages_objective(tmp_path):
    a_run(tmp_path, "a", method="deep_svdd", objective="soft_boundary")
    row, = report.table(report.collect(tmp_path))
    assert (row["method"], row["variant"], row["settings"]) == ("deep_svdd", "soft_boundary", "")
    assert "| deep_svdd (soft_boundary) |  | 1 x 1 | " in report_text.markdown([row])


def damage_scores(run):
    content = (run / "scores.npz").read_bytes()
    (run / "scores.npz").write_bytes(content[:len(content) // 2])


DAMAGES = {
    "unfinished, without a metrics.json": lambda run: (run / "metrics.json").unlink(),
    "unfinished, without a scores.npz": lambda run: (run / "scores.npz").unlink(),
    "unfinished, without a config.json": lambda run: (run / "config.json").unlink(),
    "metrics.json cannot be read": lambda run: (run / "metrics.json").write_text('{"auroc": 0.9'),
    "config.json cannot be read": lambda run: (run / "config.json").write_bytes(b"\xff\xfe"),
    "metrics.json cannot be read: it holds a list": lambda run: (run / "metrics.json").write_text("[]"),
    "config.json is no record of a run: it lacks normal, protocol, seed, source, stages":
        lambda run: (run / "config.json").write_text("{}"),
    "config.json is no record of a run: it lacks normal, seed, source, stages":
        lambda run: rewrite(run / "config.json", config={"protocol": {}}),
    "scores.npz is damaged": damage_scores,
    "auroc=nan": lambda run: rewrite(run / "metrics.json", auroc=math.nan),
    "auroc=1.5": lambda run: rewrite(run / "metrics.json", auroc=1.5),
    "best_f1=True": lambda run: rewrite(run / "metrics.json", best_f1=True),
    "untrained_auroc=high": lambda run: rewrite(run / "metrics.json", untrained_auroc="high"),
    "KeyError 'auroc'": lambda run: (run / "metrics.json").write_text("{}"),
    "has auroc=0.123, but scores.npz gives": lambda run: rewrite(run / "metrics.json", auroc=0.123),
    "has n_test=51, but scores.npz gives 50": lambda run: rewrite(run / "metrics.json", n_test=51),
    "another test set than its config names: protocol name one_vs_rest, not holdout":
        lambda run: rewrite(run / "metrics.json", protocol="one_vs_rest"),
    "another test set than its config names: protocol hash 99, not 0123456789ab":
        lambda run: rewrite(run / "metrics.json", protocol={"name": "holdout", "hash": "99"}),
    "format 2 or older|of format 99": lambda run: rewrite(run / "config.json", format=99),
    "damaged: ValueError": lambda run: numpy.savez(run / "scores.npz", label=numpy.array([None]), score=numpy.zeros(1)),
    "KeyError": lambda run: numpy.savez(run / "scores.npz", score=numpy.zeros(50)),
    "`score` must be finite": lambda run: numpy.savez(run / "scores.npz", label=numpy.array([0, 1]),
                                                      score=numpy.array([numpy.nan, 1])),
    "its config, normal class and seed are those of": lambda run: shutil.copy(run.parent / "a" / "config.json", run),
}


@pytest.mark.parametrize("told", DAMAGES)
@pytest.mark.parametrize("suffix", [".md", ".csv"])
def test_a_run_that_cannot_be_used_is_named_and_left_out(told, suffix, tmp_path):
    _, area = a_run(tmp_path / "runs", "a")
    bad, _ = a_run(tmp_path / "runs", "b", seed=1)
    DAMAGES[told](bad)
    remarks = report.write(tmp_path / "runs", tmp_path / f"table{suffix}")
    remark, = remarks
    assert remark.startswith(f"{bad}: left out, ") and "\n" not in remark
    assert any(part in remark for part in told.split("|"))
    row, = report.table(report.collect(tmp_path / "runs"))
    assert row["n_runs"] == 1 and row["all"]["auroc"][0] == area
    assert (remark in (tmp_path / f"table{suffix}").read_text()) == (suffix == ".md")


def test_no_flipped_byte_makes_the_report_fail(tmp_path):
    """A damaged file is left out or, where the byte does not matter, counted; the rest is always reported."""
    a_run(tmp_path, "a")
    bad, area = a_run(tmp_path, "b", seed=1)
    rng = numpy.random.default_rng(0)
    left_out = 0
    for name in ("scores.npz", "metrics.json", "config.json"):
        whole = (bad / name).read_bytes()
        for at in rng.choice(len(whole), 80, replace=False):
            (bad / name).write_bytes(whole[:at] + bytes([whole[at] ^ int(rng.integers(1, 256))]) + whole[at + 1:])
            rows = report.collect(tmp_path)
            assert len(rows) == 2 and "problem" not in rows[0]
            left_out += "problem" in rows[1]
            assert "problem" in rows[1] or rows[1]["auroc"] == pytest.approx(area, abs=1e-6)
            assert report_text.markdown(report.table(rows))
        (bad / name).write_bytes(whole)
    assert left_out > 100


def test_examples_that_count_several_times_are_counted_so(tmp_path):
    run, _ = a_run(tmp_path, "a")
    with numpy.load(run / "scores.npz") as file:
        columns = dict(file)
    times = numpy.where(columns["label"] == 0, 3, 1)
    numbers = metrics.summary(columns["label"], columns["score"], times)
    rewrite(run / "metrics.json", **numbers)
    assert "has n_test=90, but scores.npz gives 50" in report.collect(tmp_path)[0]["problem"]
    numpy.savez(run / "scores.npz", **columns, times=times)
    row, = report.collect(tmp_path)
    assert row["auroc"] == numbers["auroc"] and (numbers["n_test"], numbers["n_anomalous"]) == (90, 30)
    for wrong, told in ((times * 2**40, "has n_test=90, but scores.npz counts"), (times / 1.0, "damaged: TypeError"),
                        (numpy.full(30, 3), "damaged: ValueError"), (times[::-1], "has n_anomalous=30, but scores.npz gives 70")):
        numpy.savez(run / "scores.npz", **columns, times=wrong)
        assert told in report.collect(tmp_path)[0]["problem"]


def test_a_collapsed_run_is_counted_and_named(tmp_path):
    run, _ = a_run(tmp_path, "a", judged={"collapsed": ["ocnn: every training example has the same code."]})
    remark, = report.write(tmp_path, tmp_path / "t.md")
    assert remark == f"{run}: counted, but ocnn: every training example has the same code."
    assert report.table(report.collect(tmp_path))[0]["n_runs"] == 1


def test_what_lies_inside_a_run_folder_is_no_run_of_its_own(tmp_path):
    run, _ = a_run(tmp_path, "a")
    shutil.copytree(run, run / "stages" / "0")
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "readme.txt").write_text("no run")
    assert [row["run"] for row in report.collect(tmp_path)] == [str(run)] == [row["run"] for row in report.collect(run)]


def test_the_markdown_table(tmp_path):
    a_run(tmp_path, "a", normal="cat|dog", judged={"f1_inlier": 0.25})
    a_run(tmp_path, "b", normal="cat|dog", seed=1)
    a_run(tmp_path, "c", normal="9", seed=1, judged={"f1_inlier": 0.75})
    a_run(tmp_path, "d", method="rcae", normal="9")
    assert report.write(tmp_path, tmp_path / "out" / "t.md") == ()
    text = (tmp_path / "out" / "t.md").read_text("utf-8")
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert [row.replace("\\|", "").count("|") for row in rows] == 4 * [18] + 4 * [8]
    assert rows[0].startswith("| data | protocol | split | method | settings | classes x seeds | AUROC | over seeds | over cl")
    assert rows[2].startswith("| digits | holdout (test_share=0.4) | ") and " | ocnn |  | 2 classes, 3 runs | 0." in rows[2]
    assert rows[2].endswith("| 0.5000 ± 0.3536 (2 of 3) |") and rows[3].endswith("| – |")
    assert rows[4] == "| protocol | split | method | settings | 9 | cat\\|dog | mean |"
    assert "| 0123456789ab | rcae |  | 0." in rows[7] and " | – | " in rows[7]
    assert "Remarks" not in text and "(n - 1)" in text


def many(folder, **shifts):
    """Runs of ten classes and two seeds; returns {method: {class: mean AUROC}}."""
    def auroc(method, shift, digit, seed):
        return a_run(folder, f"{method}/{digit}/{seed}", method=method, normal=str(digit), seed=seed, shift=shift,
                     digest=f"h{digit}{seed}")[1]
    return {method: {str(digit): statistics.mean(auroc(method, shift, digit, seed) for seed in (0, 1)) for digit in range(10)}
            for method, shift in shifts.items()}


def test_methods_are_compared_over_classes_with_their_seeds_averaged(tmp_path):
    values = many(tmp_path, ocnn=2.0, rcae=1.9, deep_svdd=0.3)
    summary = report.table(report.collect(tmp_path))
    (title, found), = report_comparison.comparisons(summary)[0]
    assert title == "digits, holdout (test_share=0.4)" and found == comparison.compare({
        name: values[name] for name in ("deep_svdd", "ocnn", "rcae")})
    assert set(found.close) == {"ocnn", "rcae"} and len(found.blocks) == 10
    row = next(row for row in summary if row["method"] == "ocnn")
    by_seed = [statistics.mean(auroc for (_, seed), (auroc, *_) in row["cells"].items() if seed == each) for each in (0, 1)]
    assert row["seeds"] == pytest.approx(statistics.stdev(by_seed))
    report.write(tmp_path, tmp_path / "t.md")
    text = (tmp_path / "t.md").read_text()
    assert "## Comparison: digits" in text and "| ≈ |" in text and "| deep_svdd | 3.00 |" in text and "| worse |" in text
    assert f"{row['seeds']:.4f} | {statistics.stdev(values['ocnn'].values()):.4f} |" in text


def test_the_interval_of_one_seed_is_shown_and_not_taken_for_a_deviation(tmp_path):
    _, auroc = a_run(tmp_path, "a", judged={"auroc_low": 0.25, "auroc_high": 0.75})
    report.write(tmp_path, tmp_path / "t.md")
    assert f"| {auroc:.4f} [0.250, 0.750] |" in (tmp_path / "t.md").read_text()


def test_runs_on_other_splits_are_not_compared_and_named(tmp_path):
    many(tmp_path, ocnn=2.0, rcae=1.9)
    run, _ = a_run(tmp_path, "kde/3", method="kde", normal="3", digest="other")
    a_run(tmp_path, "kde/4", method="kde", normal="4", digest="h40")
    remarks = report.write(tmp_path, tmp_path / "t.md")
    assert remarks == ("kde on digits is not compared with ocnn: their splits of normal 3, seed 0, are other and h30.",)
    text = (tmp_path / "t.md").read_text()
    assert "| kde | 1" not in text.partition("## Comparison")[2] and remarks[0] in text


def test_a_row_of_one_class_is_named_and_does_not_end_the_comparison_of_the_others(tmp_path):
    many(tmp_path, ocnn=2.0, rcae=1.9)
    a_run(tmp_path, "kde/3/0", method="kde", normal="3", seed=0, shift=9.0, digest="h30")
    (_, found), = (compared := report_comparison.comparisons(report.table(report.collect(tmp_path))))[0]
    assert set(found.names) == {"ocnn", "rcae"} and len(found.blocks) == 10
    assert compared[1] == ("kde has 1 of 10 classes of digits, holdout (test_share=0.4), and is not compared with the others.",)


def test_data_sets_of_one_class_are_compared_together(tmp_path):
    for number, data in enumerate(("cardio", "thyroid", "shuttle")):
        for method, shift in (("kde", 2.0), ("isoforest", 1.0)):
            a_run(tmp_path, f"{method}/{data}", method=method, dataset=data, normal="0", shift=shift + number / 10)
    (title, found), = report_comparison.comparisons(report.table(report.collect(tmp_path)))[0]
    assert title == "all data sets, holdout (test_share=0.4)" and found.blocks == ("cardio", "shuttle", "thyroid")
    text = report_comparison.text([(title, found)])
    assert not found.decidable and "on 3 data sets" in text and "below 6 no difference among 2 methods" in text
    assert "≈ |" not in text and "| – |" in text and "| best |" not in text


def test_only_seeds_that_all_methods_have_are_compared(tmp_path):
    many(tmp_path, ocnn=2.0, rcae=1.9)
    for digit in (3, 4):
        a_run(tmp_path, f"ocnn/{digit}/7", method="ocnn", normal=str(digit), seed=7, shift=9.0, digest="h7")
    summary = report.table(report.collect(tmp_path))
    (_, found), = report_comparison.comparisons(summary)[0]
    for row in summary:
        row["cells"] = {cell: value for cell, value in row["cells"].items() if cell[1] != 7}
    assert report_comparison.comparisons(summary)[0][0][1] == found


def test_rows_that_know_more_are_compared_among_themselves(tmp_path):
    for normal in "12":
        for method, hints in (("kde", ""), ("ocsvm", ""), ("deep_sad", "known.csv"), ("ssad", "known.csv")):
            a_run(tmp_path, f"{method}/{normal}", method=method, normal=normal, hints=hints)
    titles = {title: set(found.names) for title, found in report_comparison.comparisons(report.table(report.collect(tmp_path)))[0]}
    assert titles == {"digits, holdout (test_share=0.4)": {"kde", "ocsvm"},
                      "digits, holdout (test_share=0.4), with hints or negatives": {"deep_sad", "ssad"}}


def test_the_csv_holds_every_number_in_full(tmp_path):
    areas = [a_run(tmp_path, str(seed), seed=seed, normal="1,3")[1] for seed in (0, 1, 2)]
    report.write(tmp_path, tmp_path / "t.csv")
    every, of_class = csv.DictReader((tmp_path / "t.csv").open(newline=""))
    assert (every["normal"], every["runs"], of_class["normal"], of_class["runs"]) == ("(all)", "3", "1,3", "3")
    for line in (every, of_class):
        assert float(line["auroc_mean"]) == pytest.approx(statistics.mean(areas), abs=1e-15) and line["auroc_low"] == ""
        assert float(line["auroc_std"]) == pytest.approx(statistics.stdev(areas), abs=1e-15)
        assert line["f1_inlier_mean"] == "" and float(line["raw_mean_auroc_mean"]) == pytest.approx(0.6)


@pytest.mark.parametrize("to, told", [("t.html", "bin/report writes .html too"), ("t.txt", "must end in .md or .csv"),
                                      ("t", "to='")])
def test_other_formats_are_refused_before_anything_is_read(to, told, tmp_path):
    with pytest.raises(Misuse, match=told):
        report.write(tmp_path / "missing", to)


def test_a_folder_without_usable_runs_is_refused_in_one_line(tmp_path):
    with pytest.raises(Misuse, match="must be a folder"):
        report.write(tmp_path / "missing", tmp_path / "t.md")
    with pytest.raises(Misuse, match="must hold run folders"):
        report.write(tmp_path, tmp_path / "t.md")
    run, _ = a_run(tmp_path / "runs", "a")
    (run / "metrics.json").unlink()
    with pytest.raises(BadData, match="unfinished, without a metrics.json") as caught:
        report.write(tmp_path / "runs", tmp_path / "t.md")
    assert "\n" not in str(caught.value) and not (tmp_path / "t.md").exists()


def test_a_table_is_written_whole_or_not_at_all(monkeypatch, tmp_path):
    a_run(tmp_path / "runs", "a")
    (tmp_path / "t.md").write_text("old")

    def fail(*_):
        raise OSError(28, "No space left on device")
    monkeypatch.setattr("pathlib.Path.write_text", fail)
    with pytest.raises(OSError, match="No space left"):
        report.write(tmp_path / "runs", tmp_path / "t.md")
    assert (tmp_path / "t.md").read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["runs", "t.md"]


def test_a_report_needs_no_model_and_no_keras(tmp_path):
    a_run(tmp_path, "a")
    program = (f"import sys; from kerasnd import report; report.write({str(tmp_path)!r}, {str(tmp_path / 't.md')!r})\n"
               "print([n for n in ('keras', 'tensorflow', 'sklearn', 'matplotlib') if n in sys.modules])")
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

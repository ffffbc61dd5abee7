"""What the README and docs/results say of the methods is what the results files say."""
import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def loaded(name):
    spec = importlib.util.spec_from_file_location(name, ROOT / f"docs/results/{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


table, methods = loaded("table"), loaded("methods")


def test_the_page_is_written_from_the_cells():
    cells = table.read(table.TABLE)
    assert cells and table.page(cells) == table.PAGE.read_text(), "python docs/results/table.py writes it anew"
    key = next(iter(cells))
    assert table.page({**cells, key: {**cells[key], "auroc": "0.01"}}) != table.PAGE.read_text()


def test_the_readmes_table_is_written_from_the_results_files():
    text, known = methods.README.read_text(), methods.read()
    assert text.count(methods.BEGIN) == text.count(methods.END) == 1
    assert methods.filled(text) == text, "python docs/results/methods.py writes it anew"
    # Pages of their own stand in for what the table does not have whole.
    table_without = [row for row in known["table"] if row["row"] not in methods.OTHERS]
    for name, column in (("table", "auroc"), ("odds", "auroc"), ("fitymi", "nd"), ("gpnd", "auroc"),
                         ("arae_curves/linf_p1_8", "auroc_0.5")):
        changed = [{**row, column: "0.01"} for row in known[name]]
        assert methods.filled(text, **{"table": table_without, name: changed}) != methods.filled(text, table=table_without)


def test_a_cell_of_the_readme_is_a_mean_over_classes_of_means_over_seeds():
    assert methods.here({}, None) == "" and methods.here({}, 94.8) == "not run (94.8)"
    assert methods.here({"8": [0.5, 0.7], "3": [0.9]}, 95.0) == "3: 90.0, 8: 60.0 (95.0)"
    assert methods.here({str(number): [0.5, 0.7] for number in range(9)} | {"9": [1.0]}, None) == "64.0"
    assert methods.here({str(number): [0.5] for number in range(8)}, None) == "50.0 of 8"
    cells = [{"row": "rcae", "dataset": "cardio", "normal": "0", "auroc": "0.9", "protocol": "semi_supervised"}]
    assert methods.of_odds([], cells, "rcae") == (1, {"cardio": [0.9]})
    assert methods.of_odds([{"set": "cardio", "method": "rcae", "auroc": "0.8"}], cells, "rcae") == (1, {"cardio": [0.8]})


def test_the_readme_names_what_is_worse_than_the_raw_mean_or_untrained():
    def cells(row, auroc, untrained):
        return [{"row": row, "dataset": "mnist", "normal": str(digit), "auroc": auroc, "protocol": "one_vs_rest",
                 "raw_mean_auroc": "0.8", "untrained_auroc": untrained} for digit in range(10)]
    odds = [{"set": name, "method": method, "auroc": auroc, "raw_mean": "0.7"} for name in methods.SETS
            for method, auroc in (("deep_svdd", "0.6"), ("kde", "0.9"))]
    told = methods.below([*cells("ocnn", "0.7", "0.75"), *cells("rcae", "0.9", "0.5"), *cells("kde", "0.79", "")], odds)
    assert told == ("Below the distance to the raw mean: MNIST: `ocnn`, `kde`; ODDS: `deep_svdd`. "
                    "Below their own untrained networks: MNIST: `ocnn`.")
    assert methods.below(cells("ocnn", "0.7", "0.75")[:9], []) == ""        # nine classes are no mean


def test_every_cell_has_its_protocol_its_config_and_its_command():
    for cell in table.read(table.TABLE).values():
        assert 0 <= float(cell["auroc_low"]) <= float(cell["auroc"]) <= float(cell["auroc_high"]) <= 1
        assert all(cell[name] for name in ("protocol", "protocol_hash", "config", "commit", "seconds"))
        assert cell["sweep"].startswith("bin/benchmark ")


def test_the_caption_tells_by_what_the_cells_were_divided():
    def cell(row, factor, precision="float32", data="mnist"):
        return {"row": row, "dataset": data, "normal": "0", "auroc": "0.9", "protocol": "one_vs_rest", "epochs": "3+4",
                "shorten": factor, "sweep": f"bin/benchmark --precision={precision}"}
    cells = [cell("a", "5"), cell("b", "5"), cell("c", "10"), cell("d", "4", "bfloat16"), {**cell("kde", ""), "epochs": "0"},
             cell("a", "15", "bfloat16", "cifar10"), *({**cell("arae", "10"), "normal": str(digit)} for digit in range(10))]
    told = methods.caption([("x", 10), ("y", 3)], cells)
    assert ("schedules: MNIST divided by 5 (d divided by 4 in bfloat16, arae divided by 10, c divided by 10); "
            "CIFAR-10 divided by 15 in bfloat16") in told
    assert "10 seeds (3 for y)" in told and "on pages of their own gpnd: 8 whole" in told and "arae: whole" not in told
    nine = methods.caption([], cells[:-1])      # its own page's stand
    assert "MNIST divided by 5 (d divided by 4 in bfloat16, c divided by 10)" in nine


def test_means_are_over_classes_and_only_whole_rows_have_one():
    def cell(auroc, before=""):
        return {"auroc": str(auroc), "protocol": "p", "epochs": "0", "seconds": "1", "commit": "c", "sweep": "bin/benchmark",
                "untrained_auroc": before, "raw_mean_auroc": "0.5"}
    cells = {("a", "d", "1", "0"): cell(0.8, "0.6"), ("a", "d", "1", "1"): cell(0.6, "0.7"),
             ("a", "d", "2", "0"): cell(0.9, "0.95"), ("b", "d", "2", "0"): cell(0.95)}
    (rows,) = table.summary(cells).values()
    assert list(rows) == ["a", "b"] and table.mean(rows["a"]) == pytest.approx(0.8)
    page = table.page(cells)
    assert "| a | – | 0.7000 | 0.9000 | 0.8000 | 0.8000 (1 of 2) | 2 | 1 |" in page
    assert "| b | – |  | 0.9500 |  | – | 1 | 1 |" in page and "| *raw mean* | – | 0.5000 | 0.5000 | 0.5000 | | | |" in page


@pytest.mark.parametrize("page", sorted(path.name for path in (ROOT / "docs/results").glob("*.md")))
def test_a_page_has_its_command_its_commit_and_the_hashes_of_its_configs(page):
    text = (ROOT / "docs/results" / page).read_text()
    assert re.search(r"bin/|python docs/results/|benchmarks/run.py|make bench", text), "no command"
    if page == "table.md":      # in every row of table.csv
        return
    configs = r"(No configs; [\w./]+ is [0-9a-f]{12}\.|Configs: \S+\.py [0-9a-f]{12})"
    assert re.search(rf"^Commit [0-9a-f]{{12}}, \d{{4}}-\d\d-\d\d\. {configs}", text, re.M), \
        "python docs/results/origins.py, after the page was committed"

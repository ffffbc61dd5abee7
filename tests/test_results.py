"""What the README and docs/results say of the table is what table.csv says."""
import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
spec = importlib.util.spec_from_file_location("table", ROOT / "docs/results/table.py")
table = importlib.util.module_from_spec(spec)
spec.loader.exec_module(table)


def test_the_readme_and_the_page_are_written_from_the_cells():
    cells, text = table.read(table.TABLE), table.README.read_text()
    assert cells and text.count(table.BEGIN) == text.count(table.END) == 1
    assert table.filled(text, cells) == text, "python docs/results/table.py writes it anew"
    assert table.page(cells) == table.PAGE.read_text(), "python docs/results/table.py writes it anew"
    key = next(iter(cells))
    changed = {**cells, key: {**cells[key], "auroc": "0.01"}}
    assert table.filled(text, changed) != text and table.page(changed) != table.PAGE.read_text()


def test_every_cell_has_its_protocol_its_config_and_its_command():
    for cell in table.read(table.TABLE).values():
        assert 0 <= float(cell["auroc_low"]) <= float(cell["auroc"]) <= float(cell["auroc_high"]) <= 1
        assert all(cell[name] for name in ("protocol", "protocol_hash", "config", "commit", "seconds"))
        assert cell["sweep"].startswith("bin/benchmark ")


def test_means_are_over_classes_and_only_whole_rows_have_one():
    def cell(auroc):
        return {"auroc": str(auroc), "protocol": "p", "epochs": "0", "seconds": "1", "commit": "c", "sweep": "bin/benchmark"}
    cells = {("a", "d", "1", "0"): cell(0.8), ("a", "d", "1", "1"): cell(0.6), ("a", "d", "2", "0"): cell(0.9),
             ("b", "d", "2", "0"): cell(0.95)}
    (rows,) = table.summary(cells).values()
    assert list(rows) == ["a", "b"] and table.mean(rows["a"]) == pytest.approx(0.8)
    page = table.page(cells)
    assert "| a | – | 0.7000 | 0.9000 | 0.8000 | 2 | 1 |" in page and "| b | – |  | 0.9500 |  | 1 | 1 |" in page

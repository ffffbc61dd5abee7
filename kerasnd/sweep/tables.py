"""Published tables as config files: what would repeat them, and the values that were published.

    get_table() -> {
        "title", "source": str,
        "metric": one of metrics.json, "scale": published values are that many times ours (100: percent),
        "seeds": list of int, those of the paper, as far as they are told,
        "columns": [{"name", "group", "dataset", "normals": [str], "overrides": {key: text}, "flags": {name: text}}, ...],
        "rows": [{"name", "method" or "config" (neither: published values alone), "overrides": {key: text},
                  "columns": [names] (default: all), "shorten": {group: epochs are divided by it},
                  "published": {column or "GROUP mean": value or [value, deviation]},
                  "certainty": str}, ...],
        "notes": [str]}

A column is one number of the paper: its cells are its normal classes, with every seed. The file is Python and is executed, as every
config file is: run only those that you trust.
"""
import dataclasses

from kerasnd import config_file
from kerasnd.errors import Misuse, suggest
from kerasnd.sweep.cells import Cell

TABLE = {"title": str, "source": str, "metric": str, "scale": (int, float), "seeds": list, "columns": list, "rows": list,
         "notes": list}
COLUMN = {"name": str, "group": str, "dataset": str, "normals": list, "overrides": dict, "flags": dict}
ROW = {"name": str, "method": str, "config": str, "overrides": dict, "columns": list, "shorten": dict, "published": dict,
       "certainty": str}
MEAN = " mean"


@dataclasses.dataclass(frozen=True)
class Published:
    """A value of a paper.

    Args:
        mean: float, in the table's scale.
        deviation: float or None.
        certainty: str, how it is known.
    """
    mean: float
    deviation: float | None
    certainty: str


class Table:
    """A published table.

    Args:
        values: dict, as the module says.
        name: str, of the file, for messages.

    Raises:
        Misuse: a key is unknown or missing, a value is of another kind, or a name does not fit another.
    """

    def __init__(self, values, name="table"):
        _checked(name, values, TABLE, ("title", "source", "metric", "columns", "rows"))
        self.title, self.source, self.metric = values["title"], values["source"], values["metric"]
        self.scale, self.seeds, self.notes = values.get("scale", 1), values.get("seeds", [0]), values.get("notes", [])
        self.columns = [_checked(f"{name}: a column", each, COLUMN, ("name", "dataset", "normals")) for each in values["columns"]]
        self.rows = [_checked(f"{name}: a row", each, ROW, ("name",)) for each in values["rows"]]
        for kind, entries in (("columns", self.columns), ("rows", self.rows)):
            names = [each["name"] for each in entries]
            twice = next((each for each in names if names.count(each) > 1), None)
            if twice is not None:
                raise Misuse(f"`{kind}` of {name} must have names that differ. Received: '{twice}' twice.")
        comma = next((row["name"] for row in self.rows if set(",;") & set(row["name"])), None)
        if comma is not None:       # --methods could not choose it
            raise Misuse(f"`rows` of {name} must have names without commas and semicolons. Received: '{comma}'. Rename it.")
        known = [each["name"] for each in self.columns] + [f"{group}{MEAN}" for group in self.groups()]
        for row in self.rows:
            for each in [*row.get("columns", []), *row.get("published", {})]:
                if each not in known:
                    raise Misuse(f"`{row['name']}` of {name} must name columns. Received: '{each}'.{suggest(each, known)}")
            for group, factor in row.get("shorten", {}).items():
                if group not in self.groups() or type(factor) not in (int, float) or not 1 <= factor < float("inf"):
                    raise Misuse(f"`shorten` of {name}, {row['name']}, must have groups ({', '.join(self.groups())}) and numbers "
                                 f"of 1 or more. Received: '{group}': {factor!r}. Leave it out where nothing is divided.")

    def groups(self):
        """{group: list of columns}, in their order: those over which a mean is taken."""
        found = {}
        for column in self.columns:
            found.setdefault(group_of(column), []).append(column)
        return found

    def entries(self, row, column, seeds=None):
        """list of Cell whose mean a row has in a column; [] where it has none.

        Args:
            row, column: dict, of `rows` and `columns`.
            seeds: list of int, or None: those of the paper.
        """
        if not (row.get("method") or row.get("config")) or column["name"] not in row.get("columns", [column["name"]]):
            return []
        mine = [each for each in self.columns if each["name"] in row.get("columns", [each["name"]])]
        places = [each for each in mine if (each["dataset"], each["normals"]) == (column["dataset"], column["normals"])]
        name = row["name"] if len(places) == 1 else f"{row['name']}, {column['name']}"
        overrides = {**column.get("overrides", {}), **row.get("overrides", {})}
        return [Cell(name, column["dataset"], normal, seed, row.get("method", ""), row.get("config", ""), tuple(overrides.items()),
                     tuple(column.get("flags", {}).items()), float(row.get("shorten", {}).get(group_of(column), 1)))
                for seed in (self.seeds if seeds is None else seeds) for normal in column["normals"]]

    def cells(self, seeds=None, normals=None, datasets=None, methods=None):
        """list of Cell, those of all rows and columns, or those that are chosen.

        Args:
            seeds, normals, datasets: lists, or None: all.
            methods: list of str, names of rows, or None.

        Raises:
            Misuse: nothing is chosen.
        """
        names = [row["name"] for row in self.rows if row.get("method") or row.get("config")]
        for each in methods or ():
            if each not in names:
                raise Misuse(f"`--methods` must be rows of the table: {', '.join(names)}. Received: {each}.{suggest(each, names)}")
        found = [cell for row in self.rows if not methods or row["name"] in methods for column in self.columns
                 if not datasets or column["dataset"] in datasets for cell in self.entries(row, column, seeds)
                 if not normals or cell.normal in normals]
        if not found:
            raise Misuse(f"the flags must leave cells of the table. Received: normals={normals}, datasets={datasets}, of "
                         f"{', '.join(sorted({column['dataset'] for column in self.columns}))}.")
        return found

    def published(self, row, name):
        """Published, or None where there is no value.

        Args:
            row: dict, of `rows`.
            name: str, of a column, or "GROUP mean".
        """
        value = row.get("published", {}).get(name)
        if value is None:
            return None
        mean, deviation = value if isinstance(value, (list, tuple)) else (value, None)
        return Published(float(mean), None if deviation is None else float(deviation), row.get("certainty", ""))


def group_of(column):
    """str, those columns over which a mean is taken have the same."""
    return column.get("group", column["dataset"])


def read(file):
    """Table of a config file.

    Args:
        file: str, "configs/tables/NAME.py", or a path.

    Raises:
        Misuse: it is missing, does not run, or is no table.
    """
    return Table(config_file.run(file, "get_table"), file)


def _checked(name, values, kinds, needed):
    if not isinstance(values, dict):
        raise Misuse(f"`{name}` must be a dict. Received: {values!r}.")
    for key, value in values.items():
        if key not in kinds:
            raise Misuse(f"`{name}` must have the keys {', '.join(kinds)}. Received: '{key}'.{suggest(key, kinds)}")
        if not isinstance(value, kinds[key]):
            raise Misuse(f"`{key}` of {name} must be of type {kinds[key]}. Received: {value!r}.")
    for key in needed:
        if key not in values:
            raise Misuse(f"`{name}` must have '{key}'. Received: {', '.join(values)}.")
    return values

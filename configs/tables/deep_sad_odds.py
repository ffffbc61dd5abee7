"""Deep SAD, the classic benchmark: six ODDS tables, one percent of labelled anomalies.

Paper:    Ruff et al. (2020), Deep Semi-Supervised Anomaly Detection, ICLR, tables 2 and 6; 10 seeds, 60 to 40.
Cost:     hours on two cores; docs/results/odds.md has other, selected settings of the same methods.
Needs:    the .mat files of the ODDS library in --data_dir.
Command:  bin/benchmark --config=configs/tables/deep_sad_odds.py --data_dir=DIR --to=DIR
"""
from kerasnd.config_tables import blocks, study_rows

PUBLISHED = """
ODDS          | arrhythmia | cardio    | satellite | satimage-2 | shuttle  | thyroid
OC-SVM Raw    | 84.5±3.9   | 98.5±0.3  | 95.1±0.2  | 99.4±0.8   | 99.4±0.9 | 98.3±0.9
OC-SVM Hybrid | 76.7±6.2   | 82.8±9.3  | 68.6±4.8  | 96.7±2.1   | 94.1±9.5 | 91.2±4.0
CAE           | 74.0±7.5   | 94.3±2.0  | 80.0±1.7  | 99.9±0.0   | 98.2±1.2 | 75.2±10.2
Deep SVDD     | 74.6±9.0   | 84.8±3.6  | 79.8±4.1  | 98.3±1.4   | 86.3±7.5 | 72.0±9.7
SSAD Raw      | 86.7±4.0*  | 98.8±0.3  | 96.2±0.3* | 99.9±0.1   | 99.6±0.5 | 97.9±1.9
SSAD Hybrid   | 78.3±5.1   | 86.3±5.8  | 86.9±2.8  | 96.8±2.1   | 97.7±1.0 | 95.3±3.1
SS-DGM        | 50.3±9.8   | 66.2±14.3 | 57.4±6.4  | 99.2±0.6   | 97.9±0.3 | 72.7±12.0
Deep SAD      | 75.9±8.7   | 95.0±1.6  | 91.5±1.1  | 99.9±0.1   | 98.4±0.9 | 98.6±0.9
Supervised    | 39.2±9.5   | 83.2±9.6  | 87.2±2.1  | 99.9±0.1   | 95.1±8.0 | 97.8±2.6
"""


def get_table():
    """Returns the values."""
    values = blocks(PUBLISHED)
    return {
        "title": "Deep SAD, classic benchmark", "source": "Ruff et al. (2020), tables 2 and 6", "metric": "auroc", "scale": 100,
        "seeds": list(range(10)),
        "columns": [{"name": name, "group": "ODDS", "dataset": name.removeprefix("ODDS "), "normals": ["0"],
                     "overrides": {"protocol.name": "semi_supervised"}} for name in values],
        "rows": study_rows(values),
        "notes": ["The published code scaled features by statistics of all data, test part included; here of the training part.",
                  "OC-SVM and SSAD choose gamma by test labels, as published."],
    }

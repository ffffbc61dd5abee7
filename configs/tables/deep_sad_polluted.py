"""Deep SAD, hidden anomalies in training: scenario (ii).

Paper:    Ruff et al. (2020), Deep Semi-Supervised Anomaly Detection, ICLR, table 4; three data sets, ten normal classes each.
Cost:     days on two cores; `deep_sad.py:paper` alone 6 to 12 minutes a digit of MNIST on one thread, CIFAR-10 many times that.
Needs:    MNIST, Fashion-MNIST and CIFAR-10, prepared or to be downloaded.
Command:  bin/benchmark --config=configs/tables/deep_sad_polluted.py --to=DIR
          bin/benchmark --config=configs/tables/deep_sad_polluted.py --datasets=mnist --seeds=0 --shorten=5 --to=DIR
"""
from kerasnd.config_tables import blocks, study_columns, study_rows

DATASETS = {"MNIST": "mnist", "F-MNIST": "fashion_mnist", "CIFAR-10": "cifar10"}
PUBLISHED = """
MNIST         | .00      | .01      | .05      | .10      | .20
OC-SVM Raw    | 96.0±2.9 | 94.3±3.9 | 91.4±5.2 | 88.8±6.0 | 84.1±7.6
OC-SVM Hybrid | 96.3±2.5 | 95.6±2.5 | 93.8±3.9 | 91.4±5.1 | 85.9±7.6
IF Raw        | 85.4±8.7 | 85.2±8.8 | 83.9±9.2 | 82.3±9.5 | 78.7±10.5
IF Hybrid     | 90.5±5.3 | 90.6±5.0 | 89.7±6.0 | 88.2±6.5 | 85.3±7.9
KDE Raw       | 95.0±3.3 | 91.2±4.9 | 85.5±7.1 | 82.1±8.5 | 77.4±10.9
KDE Hybrid    | 87.8±5.6 | 87.9±5.3 | 87.3±7.0 | 85.9±6.6 | 82.6±8.6
CAE           | 92.9±5.7 | 91.3±6.1 | 87.2±7.1 | 83.7±8.4 | 78.6±10.3
Deep SVDD     | 92.8±4.9 | 92.1±5.1 | 89.4±5.8 | 86.5±6.8 | 81.5±8.4
SSAD Raw      | 97.9±1.8 | 96.6±2.4 | 93.4±3.4 | 90.7±4.4 | 87.4±5.6
SSAD Hybrid   | 97.4±2.0 | 95.2±2.3 | 89.5±3.9 | 86.0±4.6 | 82.1±5.4
SS-DGM        | 92.2±5.6 | 92.0±6.0 | 91.0±6.9 | 89.7±7.5 | 87.4±8.6
Deep SAD      | 96.7±2.4 | 95.5±3.3 | 93.5±4.1 | 91.2±4.9 | 86.6±6.6
Supervised    | 94.5±4.6 | 91.5±5.9 | 86.7±7.4 | 83.6±8.2 | 79.7±9.4

F-MNIST       | .00       | .01       | .05       | .10       | .20
OC-SVM Raw    | 92.8±4.7  | 91.7±5.0  | 90.7±5.5  | 89.5±6.1  | 86.3±7.7
OC-SVM Hybrid | 91.2±4.7  | 91.5±4.6  | 90.7±4.9  | 89.3±6.2  | 88.1±6.9
IF Raw        | 91.6±5.5  | 91.5±5.5  | 90.9±5.9  | 90.2±6.3  | 88.4±7.6
IF Hybrid     | 82.5±8.1  | 84.9±7.2  | 85.5±7.2  | 85.5±7.7  | 86.3±7.4
KDE Raw       | 92.0±4.9  | 89.4±6.3  | 85.2±9.1  | 81.8±11.2 | 77.4±13.6
KDE Hybrid    | 69.7±14.4 | 73.9±12.4 | 75.4±12.9 | 77.8±12.0 | 82.1±9.8
CAE           | 90.2±5.8  | 87.1±7.3  | 81.6±9.6  | 77.4±11.1 | 72.5±12.6
Deep SVDD     | 89.2±6.2  | 86.3±6.3  | 80.6±7.1  | 76.2±7.3  | 69.3±6.3
SSAD Raw      | 94.0±4.4  | 92.2±4.9  | 88.3±6.2  | 85.6±7.0  | 81.9±8.1
SSAD Hybrid   | 90.5±5.9  | 87.8±6.1  | 82.7±7.8  | 79.8±9.0  | 74.3±10.6
SS-DGM        | 71.4±12.7 | 71.2±14.3 | 71.9±14.3 | 72.5±15.5 | 70.8±16.0
Deep SAD      | 90.5±6.5  | 87.2±7.1  | 81.5±8.5  | 78.2±9.1  | 74.8±9.4
Supervised    | 76.8±13.2 | 67.3±8.1  | 59.8±4.6  | 56.7±4.1  | 53.9±2.9

CIFAR-10      | .00       | .01       | .05       | .10       | .20
OC-SVM Raw    | 62.0±10.6 | 61.9±10.6 | 61.4±10.7 | 60.8±10.7 | 60.3±10.3
OC-SVM Hybrid | 63.8±9.0  | 63.8±9.3  | 62.6±9.2  | 62.9±8.2  | 61.9±8.1
IF Raw        | 60.0±10.0 | 59.9±10.1 | 59.6±10.1 | 58.8±10.1 | 57.9±10.1
IF Hybrid     | 59.9±6.7  | 59.9±6.7  | 59.6±6.4  | 59.1±6.6  | 58.3±6.2
KDE Raw       | 59.9±11.7 | 59.2±12.3 | 58.1±12.9 | 57.3±13.5 | 56.2±13.9
KDE Hybrid    | 56.1±10.2 | 56.3±10.4 | 55.6±10.5 | 54.9±11.1 | 54.2±11.1
CAE           | 56.2±13.2 | 56.2±13.1 | 55.7±13.3 | 55.4±13.3 | 54.6±13.3
Deep SVDD     | 60.9±9.4  | 60.5±9.4  | 59.6±9.8  | 58.6±10.0 | 57.0±10.6
SSAD Raw      | 73.8±7.6  | 73.0±8.0  | 71.5±8.2  | 69.8±8.4  | 67.8±8.6
SSAD Hybrid   | 73.3±8.4  | 72.8±8.1  | 71.0±8.4  | 69.3±8.5  | 67.9±8.1
SS-DGM        | 50.8±4.7  | 51.1±4.7  | 50.1±2.9  | 50.5±3.6  | 50.1±1.7
Deep SAD      | 77.9±7.2  | 76.5±7.2  | 74.0±6.9  | 71.8±7.0  | 68.5±7.1
Supervised    | 63.5±8.0  | 62.9±7.3  | 62.2±8.2  | 60.6±8.3  | 58.5±6.7
"""


def get_table():
    """Returns the values."""
    values = blocks(PUBLISHED)
    return {
        "title": "Deep SAD, hidden anomalies in training: scenario (ii)", "source": "Ruff et al. (2020), table 4",
        "metric": "auroc", "scale": 100, "seeds": list(range(9)),
        "columns": study_columns(values, "protocol.ratio_pollution", DATASETS,
                                 {"protocol.ratio_known_outlier": "0.05"}),
        "rows": study_rows(values),
        "notes": ["Published: a run for each pair of a normal and a known anomalous class; here the seed draws the known class.",
                  "OC-SVM and SSAD choose gamma by test labels, as published."],
    }

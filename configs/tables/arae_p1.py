"""ARAE under p1: MNIST, each digit in turn the normal one, half of the judged examples anomalous.

Paper:    Salehi et al. (2021), ARAE, Neural Networks; numbers as the authors stored them beside their code.
Cost:     `arae.py:paper` 3 hours a digit on one thread (1600 epochs).
Needs:    MNIST, prepared or to be downloaded. Shares other than 50 percent are judged by one training:
          bin/evaluate --run=RUN --shares=0.1,0.2,0.3,0.4,0.5
Command:  bin/benchmark --config=configs/tables/arae_p1.py --to=DIR
          bin/benchmark --config=configs/tables/arae_p1.py --normals=8,2 --shorten=10 --to=DIR
"""
from kerasnd.config_tables import blocks

STORED = "stored by the authors beside their code"
PUBLISHED = """
MNIST p1 | 0     | 1     | 2     | 3     | 4     | 5     | 6     | 7     | 8     | 9
10 %     | .9977 | .9991 | .9385 | .9697 | .9609 | .9594 | .9943 | .9845 | .9238 | .9823
20 %     | .9977 | .9993 | .9494 | .9670 | .9719 | .9674 | .9953 | .9848 | .9311 | .9824
30 %     | .9975 | .9993 | .9517 | .9688 | .9766 | .9705 | .9956 | .9776 | .9328 | .9816
40 %     | .9978 | .9990 | .9462 | .9700 | .9759 | .9665 | .9948 | .9819 | .9221 | .9841
50 %     | .9974 | .9994 | .9454 | .9698 | .9760 | .9665 | .9945 | .9832 | .9303 | .9837

MNIST union         | 0     | 1     | 2     | 3     | 4     | 5     | 6     | 7     | 8     | 9
after 500 epochs    | .9909 | .9879 | .9533 | .9707 | .9779 | .9819 | .9921 | .9720 | .9590 | .9716
mean of the last 50 | .9908 | .9964 | .9530 | .9680 | .9772 | .9832 | .9919 | .9730 | .9586 | .9677
"""


def get_table():
    """Returns the values."""
    values = blocks(PUBLISHED)
    p1, p2 = {"protocol.name": "p1", "protocol.anomaly_share": "0.5"}, {"protocol.name": "one_vs_rest"}
    columns = [{"name": name, "group": name.rsplit(" ", 1)[0], "dataset": "mnist", "normals": [name.rsplit(" ", 1)[1]],
                "overrides": p1 if "p1" in name else p2} for name in values]
    rows = {"50 %": "configs/arae.py:paper", "10 %": "", "20 %": "", "30 %": "", "40 %": "",
            "after 500 epochs": "configs/arae.py:union_paper", "mean of the last 50": ""}
    return {
        "title": "ARAE, protocol p1, and the union of attacks", "source": "Salehi et al. (2021), the authors' stored runs",
        "metric": "auroc", "scale": 1, "seeds": [0], "columns": columns,
        "rows": [{"name": name, "config": config, "certainty": STORED,
                  "columns": [column for column, each in values.items() if name in each],
                  "published": {column: each[name] for column, each in values.items() if each.get(name) is not None}}
                 for name, config in rows.items()],
        "notes": ["The authors' union leaks the attack's gradient into the step: `model.carry_attack_gradient=true` repeats it."],
    }

"""Pictures of a run: ROC curve, score histogram, a code's marginals, extreme images, reconstructions, samples, attacked images.

Matplotlib's object API only: no pyplot, no global state, no display; imported with the first picture. The two
colours are Okabe and Ito's, which colour-blind readers tell apart; thickness or line style says it again. The
suffix of a path chooses the format; every file is written whole or not at all.
"""
from kerasnd.figures.canvas import ANOMALOUS, NORMAL
from kerasnd.figures.charts import histogram, marginals, roc
from kerasnd.figures.images import attacked, extremes, grid, reconstructions, samples

__all__ = ["ANOMALOUS", "NORMAL", "attacked", "extremes", "grid", "histogram", "marginals", "reconstructions", "roc",
           "samples"]

"""The classics by name, behind one door: scikit-learn solves, the arrays travel in the .keras file, the graph scores."""
from kerasnd import arguments as checks
from kerasnd.methods import method

ESTIMATORS = ("ocsvm", "isoforest", "kde")


def Shallow(estimator, example_shape=None, **arguments):
    """A detector without a network of its own.

    Args:
        estimator: "ocsvm", "isoforest" or "kde".
        example_shape: tuple of int, of one raw example; None where `encoder` tells it.
        **arguments: of `kerasnd.OCSVM`, `kerasnd.IsolationForest` or `kerasnd.KDE`.

    Returns:
        Detector, not fitted.

    Raises:
        Misuse: there is no such estimator, or it refuses an argument.
    """
    checks.choice("estimator", estimator, ESTIMATORS)
    return method(estimator)(example_shape, **arguments)

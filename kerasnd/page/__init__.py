"""A report as one HTML file: no server, no network, no script. Sees arrays and plain values, never a model."""
from kerasnd.page.document import MOST_BYTES, document
from kerasnd.page.tables import comparisons

__all__ = ["MOST_BYTES", "comparisons", "document"]

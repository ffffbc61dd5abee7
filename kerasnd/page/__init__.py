"""A report as one HTML file: no server, no network, no script. Sees arrays and plain values, never a model."""
from kerasnd.page.comparing import comparing
from kerasnd.page.document import MOST_BYTES, document

__all__ = ["MOST_BYTES", "comparing", "document"]

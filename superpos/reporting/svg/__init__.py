"""Drawings as SVG, written directly: panels, marks, axes, legends, of which the report is made.

Names of methods and their arguments are those of matplotlib, of which this is a small part: a panel costs a
millisecond here and sixty there, most of it for objects that one SVG never needs. All sizes are points, y
grows downwards; an SVG has no ids, so that a page may hold any number of them.
"""

from superpos.reporting.svg.colours import Colours
from superpos.reporting.svg.figure import Figure
from superpos.reporting.svg.legend import Handle, line_handle, patch_handle
from superpos.reporting.svg.panel import Margins, Panel, Span

__all__ = ["Colours", "Figure", "Handle", "Margins", "Panel", "Span", "line_handle", "patch_handle"]

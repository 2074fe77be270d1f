"""From the database to figures and a page: query, numbers, drawing; nothing here computes a fit."""

from superpos.reporting.report import ReportPaths, write_report

__all__ = ["ReportPaths", "write_report"]

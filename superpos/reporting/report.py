"""tmp"""


class ReportPaths: ...


def write_report(): ...

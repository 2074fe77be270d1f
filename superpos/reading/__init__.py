"""Reading what others wrote: every way in which a file can be wrong becomes one line that names it.

`places` says what a path is and opens it, `distributions` finds files of installed packages, `compressed`
unpacks, `texts` decodes text, JSON and CSV, `refusals` turns the errors of libraries into `InputError`.
Whoever reads a file that the package did not write reads it through these.
"""

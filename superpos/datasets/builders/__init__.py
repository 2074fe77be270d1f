"""Generic builders: what a feature set file names under `builder`, one module each."""

"""Linear probes of features in activations; the only code that speaks scikit-learn.

`train_probes` is imported from `superpos.probes.train`, so that importing this package stays cheap.
"""

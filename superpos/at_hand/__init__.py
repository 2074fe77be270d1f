"""What `superpos.geometry`, `superpos.test`, `superpos.follows_labels` and `superpos.run` do at hand."""

"""What `superpos.geometry`, `superpos.test` and `superpos.run` do: the pipeline on what is at hand."""

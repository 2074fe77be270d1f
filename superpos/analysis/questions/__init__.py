"""The questions of `superpos.kinds.questions`: one module each."""

"""Scripts of one question each, with their SQL beside them: copy one and change it."""

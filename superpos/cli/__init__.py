"""The `superpos` command: arguments, progress, exit statuses. Heavy packages are imported by the commands."""

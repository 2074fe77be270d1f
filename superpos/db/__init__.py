"""The store: tables, migrations, reads and writes; the only package that speaks SQLAlchemy."""

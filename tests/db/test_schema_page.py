from pathlib import Path

from tools.schema_page import document


def test_the_document_is_what_the_schema_says() -> None:
    path = Path(__file__).resolve().parents[2] / "docs" / "schema.md"
    assert path.read_text(encoding="utf-8") == document(), (
        "run `python -m tools.schema_page > docs/schema.md`"
    )

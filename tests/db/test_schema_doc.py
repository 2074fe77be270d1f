from pathlib import Path

from superpos.db.schema_doc import document


def test_the_document_is_what_the_schema_says() -> None:
    path = Path(__file__).resolve().parents[2] / "docs" / "schema.md"
    assert path.read_text(encoding="utf-8") == document(), (
        "run `python -m superpos.db.schema_doc > docs/schema.md`"
    )

"""What came out: frozen records and status enums, passed between layers."""

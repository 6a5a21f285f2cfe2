"""What finds entities in text by rule: one file a family of entities."""

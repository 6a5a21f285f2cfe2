-- Imported books, the last to begin first.
SELECT id, version, name, digest, effective_from, book, imported_at, imported_by
FROM price_books
ORDER BY effective_from DESC, version DESC

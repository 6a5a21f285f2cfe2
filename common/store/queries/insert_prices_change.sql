INSERT INTO changes (kind, subject, version) SELECT 'prices', id, version FROM price_books
WHERE id = %s

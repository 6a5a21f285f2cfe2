INSERT INTO price_books (id, version, name, digest, effective_from, book, imported_by)
VALUES (%(id)s, nextval('projection_versions'), %(name)s, %(digest)s, %(effective_from)s, %(book)s,
    %(imported_by)s)

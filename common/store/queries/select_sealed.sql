SELECT id, {sealed} AS sealed FROM {table} WHERE {condition}

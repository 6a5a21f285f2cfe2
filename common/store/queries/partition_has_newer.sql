SELECT EXISTS (SELECT FROM {name} WHERE id >= %s) AS newer

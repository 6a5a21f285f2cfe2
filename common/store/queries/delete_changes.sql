DELETE FROM changes WHERE id = ANY (%s)

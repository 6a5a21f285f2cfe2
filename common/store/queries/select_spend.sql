-- What a scope has spent in these periods.
SELECT period, settled FROM spend_totals WHERE scope = %s AND period = ANY (%s)

-- For what touches every row, once, by hand.
SET LOCAL statement_timeout = 0

-- All that the transaction reads is of one moment: that of its next statement.
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY

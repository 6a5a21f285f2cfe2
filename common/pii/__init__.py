"""The function `pii` from outside: what it is asked and answers, and its client with its memory."""

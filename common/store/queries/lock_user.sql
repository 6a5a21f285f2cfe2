-- One at a time counts and makes keys of this user; whoever only refers to them goes on.
SELECT FROM users WHERE id = %s FOR NO KEY UPDATE

"""What the files say the database should be, and what a database is."""

"""What doctor.py looks at: the machine, the settings, the API, the database."""

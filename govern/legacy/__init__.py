"""The first version of this system: its database, read once and brought over without loss."""

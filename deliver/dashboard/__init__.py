"""The quality dashboard: its JSON document, its page and the small server that offers both."""

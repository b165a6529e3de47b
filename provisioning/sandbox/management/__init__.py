"""Commands of the embedded gateway; manage.py runs them with its settings."""

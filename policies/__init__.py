"""What may be asked and what must never be, as data."""

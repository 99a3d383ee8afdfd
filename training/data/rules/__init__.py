"""Columns that follow from others: what rules there are (`rule`), and how they are found (`following`)."""

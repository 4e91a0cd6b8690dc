"""Makes up the rows of companies at work, for tests and measurements of any size."""

"""When to consolidate, and the report that git does not see."""

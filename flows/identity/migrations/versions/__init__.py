"""The steps; what was released is never changed."""

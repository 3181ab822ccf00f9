"""Who is who: evidence in SQL, clusters that are a pure function of it, and the vault."""

"""Connectors carry actions out of Telltale and say what became of them; each is a process of its own.

They read `actions.<kind>.<lane>`, write `outcomes`, and know of the product only its messages (`flows.schema`), the
bus (`flows.topics`), the settings and the metrics.

- `outbox`: the loop of the first connector, which puts what would be sent into a folder.
- `letter`: one action as a text a person reads, and its way into the folder.
- `ledger`: what was claimed and what became of it, in SQLite; it is also the outbox of outcomes.
"""

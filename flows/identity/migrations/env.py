"""What alembic runs: all steps in the transaction that it is handed."""

from __future__ import annotations

from alembic import context

from flows.identity.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()

"""Alembic's entry: migrations run on the connection that the caller hands over."""

from alembic import context

from gestalt_space.store.tables import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,
)
context.run_migrations()

"""`gestalt db`: the database's version."""

from __future__ import annotations

from pathlib import Path

import typer

from . import options, output

app = typer.Typer(
    help="Show or upgrade the version of the database.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)


@app.command("upgrade")
def upgrade(home: options.Home = None, quiet: options.Quiet = False) -> None:
    """Upgrade the database to this version, or create it."""
    from gestalt_space.store.migrating import REVISION, upgrade_database

    with output.progress("Upgrading", None, quiet=quiet, unit="steps"):
        done = upgrade_database(*_address(home))
    # Not left out with --quiet: nothing says it a second time.
    for note in done.notes:
        output.say(note)
    if not quiet:
        output.say(f"{done.where} is at version {REVISION}.")


@app.command("status")
def status(home: options.Home = None, as_json: options.Json = False) -> int:
    """Show the version of the database. The exit code is 1 if an upgrade is needed."""
    from gestalt_space.store.migrating import REVISION, database_revision

    found = database_revision(*_address(home))
    if as_json:
        from gestalt_space.documents.database import database_document

        output.write_json(database_document(found, REVISION))
    else:
        output.write_text(f"version {found or 'none'}, current {REVISION}")
    if found != REVISION:
        output.say("Run `gestalt db upgrade`.")
        return 1
    return 0


def _address(home: Path | None) -> tuple[str | Path, float]:
    from gestalt_space.settings import load_settings

    settings = load_settings(home)
    return settings.database, settings.busy_timeout

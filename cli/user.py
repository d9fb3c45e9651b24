"""`gestalt user`: who may use the service."""

from __future__ import annotations

import sys
from datetime import timedelta
from typing import Annotated

import typer

from . import options, output
from .asking import can_be_asked, confirm
from .opening import opened

app = typer.Typer(
    help="Who may use the service.", no_args_is_help=True, rich_markup_mode="markdown"
)

Name = Annotated[str, typer.Argument(help="Name of the user.", show_default=False)]
Role = Annotated[
    str,
    typer.Option(
        "--role",
        help="site: another hospital, which asks with descriptors and may do nothing else. "
        "reader: match and look. contributor: add patients, too. curator: correct, remove and "
        "erase, too. admin: users, backups and everything.",
    ),
]
FromInput = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from standard input.")
]


@app.command("add", epilog=options.EXIT_CODES)
def add(
    name: Name,
    role: Role = "reader",
    password_stdin: FromInput = False,
    tokens_only: Annotated[
        bool, typer.Option("--tokens-only", help="No password: for a program, with a token.")
    ] = False,
    home: options.Home = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Add a user. The first one is an admin."""
    from gestalt_space.documents.users import users_document
    from gestalt_space.service import users

    wanted = users.parse_role(role)
    with opened(home) as gallery:
        gallery.database.require()
        password = None if tokens_only else _password(from_input=password_stdin)
        user = users.add_user(gallery.database, name, wanted, password)
    if as_json:
        output.write_json(users_document([user]))
    elif not quiet:
        output.say(f"{user.name} can use the service as {user.role}.")


@app.command("list", epilog=options.EXIT_CODES)
def list_users(
    home: options.Home = None, as_json: options.Json = False, csv: options.Csv = None
) -> None:
    """List the users."""
    from gestalt_space.documents.users import users_document, users_table
    from gestalt_space.service import users

    output.check_csv(csv, as_json=as_json)
    with opened(home) as gallery:
        found = users.users(gallery.database)
    if as_json:
        output.write_json(users_document(found))
    else:
        output.write_table(users_table(found), csv)


@app.command("set", epilog=options.EXIT_CODES)
def change(
    name: Name,
    role: Annotated[
        str | None, typer.Option("--role", help="Another role.", show_default=False)
    ] = None,
    password: Annotated[bool, typer.Option("--password", help="Another password.")] = False,
    password_stdin: FromInput = False,
    disabled: Annotated[
        bool | None,
        typer.Option("--disable/--enable", help="Let the user in no more, or again."),
    ] = None,
    home: options.Home = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Change a user's role or password, or let them in no more. Their logins end at once."""
    from gestalt_space.documents.users import users_document
    from gestalt_space.errors import UsageError
    from gestalt_space.service import users

    wanted = None if role is None else users.parse_role(role)
    if wanted is None and disabled is None and not (password or password_stdin):
        raise UsageError(
            "There is nothing to change.", "Give --role, --password, --disable or --enable."
        )
    new = _password(from_input=password_stdin) if password or password_stdin else None
    with opened(home) as gallery:
        user = users.change_user(
            gallery.database, name, role=wanted, password=new, disabled=disabled
        )
    if as_json:
        output.write_json(users_document([user]))
    elif not quiet:
        state = ", disabled" if user.is_disabled else ""
        output.say(f"{user.name}: {user.role}{state}.")


@app.command("remove", epilog=options.EXIT_CODES)
def remove(
    name: Name,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    home: options.Home = None,
    quiet: options.Quiet = False,
) -> None:
    """Remove a user with their tokens. What they did stays in the audit trail."""
    from gestalt_space.service import users

    with opened(home) as gallery:
        confirm(f"Remove the user {name}?", yes=yes, not_done="Nobody was removed.")
        users.remove_user(gallery.database, name)
    if not quiet:
        output.say(f"{name} can no longer use the service.")


@app.command("token", epilog=options.EXIT_CODES)
def token(
    name: Name,
    title: Annotated[
        str, typer.Option("--name", help="What it is for, as `pipeline of the exome lab`.")
    ] = "",
    days: Annotated[int, typer.Option("--days", min=1, help="How long it is valid.")] = 365,
    home: options.Home = None,
    as_json: options.Json = False,
) -> None:
    """Make a token for a program of a user. It is shown once, and kept nowhere."""
    from gestalt_space.documents.users import token_made_document
    from gestalt_space.service import users

    with opened(home) as gallery:
        made, record = users.add_token(gallery.database, name, title, timedelta(days=days))
    if as_json:
        output.write_json(token_made_document(made, record))
        return
    output.write_text(made)
    output.say(
        f"Token {record.id} of {record.user}, valid until {record.expires_at:%Y-%m-%d}. Copy it "
        "now: it cannot be shown again."
    )


@app.command("tokens", epilog=options.EXIT_CODES)
def list_tokens(
    name: Annotated[
        str | None, typer.Argument(help="Whose tokens. [default: everybody's]", show_default=False)
    ] = None,
    home: options.Home = None,
    as_json: options.Json = False,
    csv: options.Csv = None,
) -> None:
    """List tokens, without what they are."""
    from gestalt_space.documents.users import tokens_document, tokens_table
    from gestalt_space.service import users

    output.check_csv(csv, as_json=as_json)
    with opened(home) as gallery:
        found = users.tokens(gallery.database, name)
    if as_json:
        output.write_json(tokens_document(found))
    else:
        output.write_table(tokens_table(found), csv)


@app.command("revoke", epilog=options.EXIT_CODES)
def revoke(
    number: Annotated[int, typer.Argument(help="Number of the token.", show_default=False)],
    home: options.Home = None,
    quiet: options.Quiet = False,
) -> None:
    """Make a token useless from now on."""
    from gestalt_space.service import users

    with opened(home) as gallery:
        users.revoke_token(gallery.database, number)
    if not quiet:
        output.say(f"Token {number} is no longer valid.")


def _password(*, from_input: bool) -> str:
    """A password from standard input, or asked for twice at the terminal. Raises `UsageError`."""
    from gestalt_space.errors import UsageError

    if from_input:
        return sys.stdin.readline().rstrip("\r\n")
    if not can_be_asked():
        raise UsageError(
            "Nobody can be asked for a password here.",
            "Give --password-stdin and the password on standard input; or --tokens-only.",
        )
    password: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    return password

"""A PostgreSQL database: its addresses, its settings, its lock, and every way in which it fails."""

from __future__ import annotations

import re
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest
import sqlalchemy as sa

from gestalt_space.errors import DatabaseError, GestaltError, UsageError
from gestalt_space.store import lookups, postgres, reads, removals, tail, writes
from gestalt_space.store import tables as t
from gestalt_space.store.audit import record_event
from gestalt_space.store.connecting import make_engine, mapped_errors, where
from gestalt_space.store.engine import Database
from gestalt_space.store.migrating import REVISION, database_revision, upgrade_database
from gestalt_space.store.postgres import count_keys_on
from gestalt_space.store.postgres_errors import postgres_failure
from tests import made
from tests.databases import address_of, admin, on_server
from tests.galleries import new_photo
from tests.many import insert_many
from tests.processes import Process
from tests.servers import EMPTY, GUARDED, MADE, REFUSED, Server, find_programs
from tests.store.conftest import Store

SERVER = pytest.mark.postgresql_only


def told_by(error: pytest.ExceptionInfo[GestaltError]) -> str:
    """All that anybody could get to see of it."""
    texts, found = [error.value.hint], error.value
    while found is not None:
        texts.append(str(found))
        found = found.__cause__ or (None if found.__suppress_context__ else found.__context__)
    return " ".join(texts)


def as_user(url: str, user: str, password: str | None = None, **query: str) -> str:
    changed = sa.make_url(url).set(username=user, password=password)
    return changed.update_query_dict(query).render_as_string(hide_password=False)


def run(url: str, *statements: str) -> None:
    """As the owner of the server, each kept at once."""
    engine = admin(url)
    with engine.connect() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


# Addresses


@pytest.mark.parametrize("kind", ["postgres", "postgresql", "postgresql+psycopg"])
def test_an_address_of_postgresql_is_for_psycopg(kind: str) -> None:
    engine = make_engine(f"{kind}://user@host/name")
    assert engine.url.drivername == "postgresql+psycopg"
    assert (engine.dialect.name, engine.dialect.driver) == ("postgresql", "psycopg")


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://user:secret@host:port/name",
        "postgresql://user:se@secret@host/name",
        "postgresql://user:secret@[::1/name",
        "postgresql+psycopg2://user:secret@host/name",
        "mysql://user:secret@host/name",
        "postgresql:/user:secret@host",
    ],
)
def test_an_address_that_is_none_is_refused_without_its_password(address: str) -> None:
    for ask in (Database, database_revision, upgrade_database):
        with pytest.raises(DatabaseError) as caught:
            ask(address)
        assert "secret" not in told_by(caught)
        assert caught.value.hint


def test_without_the_driver_the_line_that_installs_it_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(DatabaseError, match="psycopg") as caught:
        Database("postgresql://user:secret@host/name")
    assert caught.value.hint == "pip install 'gestalt-space[postgres]'"


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1:1", "nosuch.invalid", "/name?host=/nosuch", "127.0.0.1:1/x?password=secret"],
)
def test_a_server_that_is_not_there_is_told(host: str) -> None:
    with pytest.raises(DatabaseError, match="cannot be reached") as caught:
        Database(f"postgresql://user:secret@{host}")
    assert "GESTALT_DATABASE_URL" in caught.value.hint
    assert "secret" not in told_by(caught)


@pytest.mark.parametrize(
    ("query", "schema"),
    [
        ("", ""),
        ("?options=-csearch_path%3Dpublic", ""),
        ("?options=-csearch_path%3Dclinic&password=secret", " (schema clinic)"),
        ("?options=-c%20search_path%3D%22clinic%22,public", " (schema clinic)"),
    ],
)
def test_a_database_is_named_by_server_name_and_schema(query: str, schema: str) -> None:
    engine = make_engine(f"postgresql://user:secret@host:5433/name{query}")
    assert where(engine) == f"postgresql://user:***@host:5433/name{schema}"


# What every connection is set to


def setting(database: Database, name: str) -> object:
    with database.engine.connect() as connection:
        return connection.exec_driver_sql(f"SHOW {name}").scalar()


@SERVER
def test_every_connection_has_its_settings(database: Database) -> None:
    for name, wanted in {
        "application_name": "gestalt",
        "client_encoding": "UTF8",
        "lock_timeout": "5s",
        "idle_in_transaction_session_timeout": "1h",
        "cursor_tuple_fraction": "1",
    }.items():
        assert setting(database, name) == wanted
    asked = "SELECT current_setting('transaction_isolation'), current_setting('{}')"
    with database.reading() as session:
        found = session.execute(sa.text(asked.format("transaction_read_only"))).one()
    assert tuple(found) == ("repeatable read", "on")
    with database.writing() as session:
        name = "idle_in_transaction_session_timeout"
        assert tuple(session.execute(sa.text(asked.format(name))).one()) == (
            "read committed",
            "10min",
        )


@SERVER
def test_what_an_address_sets_has_precedence(url: str) -> None:
    database = Database(as_user(url, sa.make_url(url).username or "", application_name="clinic"))
    assert setting(database, "application_name") == "clinic"
    database.close()


@SERVER
def test_a_reader_changes_nothing(database: Database) -> None:
    def write() -> None:
        with database.reading() as session:
            record_event(session, "add")

    with pytest.raises(DatabaseError, match="read-only"):
        write()


@SERVER
def test_a_database_that_is_not_in_utf_8_is_refused() -> None:
    server = on_server()
    assert server is not None
    address = server.create("ascii", "template0", "ENCODING 'SQL_ASCII' LOCALE 'C'")
    with pytest.raises(DatabaseError, match="SQL_ASCII") as caught:
        Database(address)
    assert "UTF8" in caught.value.hint


@SERVER
def test_no_text_is_sorted_by_the_server_s_language(database: Database) -> None:
    with database.reading() as session:
        rows = session.execute(
            sa.text(
                "SELECT table_name, column_name, collation_name FROM information_schema.columns "
                "WHERE table_schema = 'public' AND table_name <> 'alembic_version' "
                "AND data_type IN ('character varying', 'text')"
            )
        ).all()
        by_language = session.scalar(sa.text("SELECT 'a' < 'B' COLLATE \"default\""))
    assert {(table, name) for table, name, order in rows if order != "C"} == set()
    assert len(rows) > 20
    if not by_language:
        pytest.skip("this server knows no other order")


# One server, several galleries


@SERVER
def test_two_schemas_of_one_database_are_two_galleries() -> None:
    server = on_server()
    assert server is not None
    address = server.create("schemas", EMPTY)
    run(address, "CREATE SCHEMA one", "CREATE SCHEMA two")
    user = sa.make_url(address).username or ""
    one, two = (
        Database(as_user(address, user, options=f"-csearch_path={name}"), busy_timeout=0.2)
        for name in ("one", "two")
    )
    # The second by a setting of the server, which stands in no address.
    run(address, f'ALTER DATABASE "{sa.make_url(address).database}" SET search_path = two')
    by_setting = Database(as_user(address, user))
    assert by_setting.where.endswith(" (schema two)")
    by_setting.close()
    with one.writing() as session:
        record_event(session, "add")
        session.flush()
        with two.writing() as other:  # does not wait for the first
            assert tail.read_mark(other, None).sequence == 0
    with two.reading() as other:
        assert other.scalar(sa.select(sa.func.count()).select_from(t.AuditEvent)) == 0
    one.close()
    two.close()


# The writer's lock


@SERVER
def test_who_waited_long_enough_is_told_who_writes(database: Database, url: str) -> None:
    impatient = Database(url, busy_timeout=0.2)
    with database.writing() as session:
        pid = session.scalar(sa.text("SELECT pg_backend_pid()"))
        with (
            pytest.raises(DatabaseError, match="another process is writing to it") as caught,
            impatient.writing() as other,
        ):
            tail.read_mark(other, None)
    assert f"server process {pid}" in caught.value.message
    assert "gestalt" in caught.value.message
    assert "GESTALT_BUSY_TIMEOUT" in caught.value.hint
    impatient.close()


@SERVER
def test_who_waits_for_a_migration_or_a_reader_is_told_who_is_at_work(
    database: Database, url: str
) -> None:
    impatient = Database(url, busy_timeout=0.2)
    with database.reading() as session:
        assert tail.read_mark(session, None).sequence == 0
        with (
            pytest.raises(DatabaseError, match="another process uses it"),
            mapped_errors(impatient.engine),
            impatient.engine.begin() as connection,
        ):
            connection.exec_driver_sql("ALTER TABLE change ADD COLUMN more integer")
    impatient.close()


WRITE = """
from gestalt_space.store.audit import record_event
from gestalt_space.store.engine import Database

with Database(sys.argv[1]).writing() as session:
    record_event(session, "half")
    session.flush()
    stop("written")
"""


@SERVER
def test_a_writer_that_is_killed_holds_no_lock_and_leaves_nothing(
    database: Database, url: str
) -> None:
    with Process(WRITE, url) as other:
        assert other.heard() == "written"
        other.kill()
    with database.writing() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(t.AuditEvent)) == 0


# A connection that is lost


def end_connections(url: str) -> None:
    run(
        url,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() "
        "AND pid <> pg_backend_pid()",
    )


@SERVER
def test_an_open_gallery_finds_a_server_again_that_was_started_anew(
    database: Database, url: str
) -> None:
    for _ in range(2):
        with database.reading() as session:
            assert tail.read_mark(session, None).sequence == 0
        end_connections(url)
    with database.writing() as session:
        record_event(session, "add")


@SERVER
def test_a_connection_that_is_lost_in_a_change_undoes_it(database: Database, url: str) -> None:
    def lose_it() -> None:
        with database.writing() as session:
            record_event(session, "half")
            session.flush()
            end_connections(url)
            record_event(session, "rest")

    with pytest.raises(DatabaseError, match="no unfinished change was saved") as caught:
        lose_it()
    assert "again" in caught.value.hint
    with database.reading() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(t.AuditEvent)) == 0


@SERVER
def test_a_connection_that_is_lost_at_the_end_of_a_change_is_told_as_it_is(
    database: Database, url: str
) -> None:
    def lose_it() -> None:
        with database.writing() as session:
            record_event(session, "half")
            session.flush()
            end_connections(url)

    with pytest.raises(DatabaseError, match="may be saved or not"):
        lose_it()


@SERVER
@pytest.mark.slow
def test_a_server_that_stops_and_starts_again() -> None:
    programs = find_programs()
    assert programs is not None
    server = Server(programs)
    try:
        run(server.address, "CREATE DATABASE gallery")
        url = sa.make_url(server.address).set(database="gallery")
        database = Database(url.render_as_string(hide_password=False))
        for how in ("fast", "immediate"):
            with database.writing() as session:
                record_event(session, "add")
            server.stop(how)
            with pytest.raises(DatabaseError, match="reached"), database.reading() as session:
                tail.read_mark(session, None)
            server.start()
        with database.reading() as session:
            assert session.scalar(sa.select(sa.func.count()).select_from(t.AuditEvent)) == 2
        database.close()
    finally:
        server.remove()


# Who is let in, and what they may do


def need_own_server(url: str) -> None:
    if "gestalt-pg-" not in str(sa.make_url(url).query.get("host", "")):
        pytest.skip("the rules of a server that was given are its owner's")


@pytest.fixture
def role(url: str, database: Database) -> Iterator[str]:
    """A user that may connect, and nothing else."""
    name = f"{sa.make_url(url).database}_reader"
    run(url, f"CREATE ROLE {name} LOGIN", "REVOKE CREATE ON SCHEMA public FROM public")
    yield name
    run(url, f"DROP OWNED BY {name}", f"DROP ROLE {name}")


@SERVER
@pytest.mark.parametrize(
    ("user", "password", "words"),
    [
        (GUARDED, "wrong-secret", "refuses the password"),
        (GUARDED, None, "refuses the password"),
        (REFUSED, None, "refuses the user"),
        ("nobody_at_all", None, "refuses the user"),
    ],
)
def test_who_is_not_let_in_is_told_why(
    user: str, password: str | None, words: str, url: str
) -> None:
    need_own_server(url)
    with pytest.raises(DatabaseError, match=words) as caught:
        Database(as_user(url, user, password))
    assert "GESTALT_DATABASE_URL" in caught.value.hint
    assert "secret" not in told_by(caught)


@SERVER
def test_a_database_that_does_not_exist_is_told(url: str) -> None:
    other = sa.make_url(url).set(database="nosuch").render_as_string(hide_password=False)
    with pytest.raises(DatabaseError, match="does not exist") as caught:
        Database(other)
    assert "createdb" in caught.value.hint


@SERVER
def test_an_address_with_a_wrong_option_is_told(url: str) -> None:
    with pytest.raises(DatabaseError, match="nosuchoption"):
        Database(as_user(url, sa.make_url(url).username or "", nosuchoption="1"))


@SERVER
def test_a_role_without_rights_is_told(role: str, url: str) -> None:
    with pytest.raises(DatabaseError, match="does not allow that") as caught:
        Database(as_user(url, role))
    assert "GRANT" in caught.value.hint


@SERVER
def test_a_role_that_may_read_reads(role: str, url: str, store: Store) -> None:
    store(new_photo("P0", 0))
    run(url, f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}")
    database = Database(as_user(url, role))
    assert not database.is_writable
    with database.reading() as session:
        assert reads.counts(session).photos == 1
    with pytest.raises(DatabaseError, match="does not allow that"), database.writing() as session:
        record_event(session, "add")
    database.close()


@SERVER
def test_a_role_that_may_make_no_tables_is_told(role: str) -> None:
    server = on_server()
    assert server is not None
    address = server.create("closed", EMPTY)
    with pytest.raises(DatabaseError, match="does not allow that") as caught:
        Database(as_user(address, role))
    assert "GRANT CREATE ON SCHEMA public" in caught.value.hint
    run(address, f"GRANT CREATE ON SCHEMA public TO {role}")
    Database(as_user(address, role)).close()
    run(address, f"DROP OWNED BY {role}")


@pytest.mark.parametrize(
    ("address", "schema"),
    [
        ("postgresql://user@host/name", "public"),
        ("postgresql://user@host/name?options=-csearch_path%3Dclinic", "clinic"),
    ],
)
def test_the_right_to_make_tables_is_one_on_the_schema(address: str, schema: str) -> None:
    class InsufficientPrivilege(Exception):
        sqlstate = "42501"

    error = InsufficientPrivilege(f"permission denied for schema {schema}")
    told = postgres_failure(make_engine(address), error)
    assert f"GRANT CREATE ON SCHEMA {schema}," in told.hint
    assert "CREATE ON DATABASE" not in told.hint


@SERVER
def test_a_database_that_may_be_read_only_is_told(database: Database, url: str) -> None:
    assert database.is_writable
    name = sa.make_url(url).database
    run(url, f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    standby = Database(url)
    assert not standby.is_writable
    with standby.reading() as session:
        assert reads.counts(session).photos == 0
    with pytest.raises(DatabaseError, match="standby") as caught, standby.writing() as session:
        record_event(session, "add")
    assert "primary" in caught.value.hint
    standby.close()


@SERVER
def test_tables_of_something_else_are_left_alone() -> None:
    server = on_server()
    assert server is not None
    address = server.create("theirs", EMPTY)
    run(address, "CREATE TABLE patient (bed text)")
    with pytest.raises(DatabaseError, match="other tables") as caught:
        Database(address)
    assert "separate database" in caught.value.hint
    engine = admin(address)
    assert sa.inspect(engine).get_table_names() == ["patient"]


# What it does not take


@SERVER
@pytest.mark.parametrize("field", ["patient", "cohort"])
def test_a_name_with_a_nul_is_refused(field: str, store: Store) -> None:
    facts = {"cohort": "a\0b"} if field == "cohort" else {}
    with pytest.raises(UsageError, match="NUL"):
        store(new_photo("P\0" if field == "patient" else "P", 0, **facts))


@SERVER
def test_a_name_that_no_index_takes_is_refused(store: Store) -> None:
    rng = np.random.default_rng(1)
    name = "".join(chr(code) for code in rng.integers(0x4E00, 0x9FFF, 3_000))
    with pytest.raises(DatabaseError, match="such a long name"):
        store(new_photo(name, 0))


@SERVER
def test_an_error_of_the_disk_is_told(database: Database) -> None:
    for code, words in (("53100", "space"), ("XX001", "damaged"), ("57P05", "idle transaction")):
        with (
            pytest.raises(DatabaseError, match=words) as caught,
            mapped_errors(database.engine),
            database.engine.connect() as connection,
        ):
            connection.exec_driver_sql(
                f"DO $$ BEGIN RAISE EXCEPTION 'refused' USING ERRCODE = '{code}'; END $$"
            )
        assert caught.value.hint


# Rows


@SERVER
def test_keys_are_counted_on_after_rows_with_keys_of_their_own(
    database: Database, space_id: int, store: Store
) -> None:
    with database.writing() as session:
        insert_many(
            session,
            np.arange(4),
            made.unit(np.random.default_rng(1), 4, 16),
            space_id=space_id,
            disorders=2,
        )
        count_keys_on(session)
    store(new_photo("P9", 9))
    with database.reading() as session:
        assert lookups.find_patient(session, "P9") == 5
    with database.writing() as session:
        removals.remove_patients(session, ["P9"])
        count_keys_on(session)
    store(new_photo("P10", 10))
    with database.reading() as session:
        assert lookups.find_patient(session, "P10") == 6, "a key was given twice"


@SERVER
def test_rows_are_streamed(database: Database) -> None:
    """Memory holds a block of descriptors, not all of them."""
    count, dim = 12_000, 1024
    with database.writing() as session:
        space_id = writes.add_space(
            session, model="tiny", fingerprint="e" * 64, specification="{}", dim=dim
        )
        vectors = made.unit(np.random.default_rng(1), 100, dim)
        insert_many(
            session,
            np.arange(count),
            np.broadcast_to(vectors[:, None], (100, count // 100, dim)).reshape(count, dim),
            space_id=space_id,
            disorders=2,
        )
    del vectors
    process = psutil.Process()
    with database.reading() as session:
        space = reads.spaces(session)[0]
        assert len(next(tail.row_blocks(session, space, -1, size=100)).ids) == 100
        before, most, rows = process.memory_info().rss, 0, 0
        for block in tail.row_blocks(session, space, -1, size=1000):
            rows += len(block.ids)
            most = max(most, process.memory_info().rss)
        assert rows == count
        assert len(tail.people_after(session, -1).keys) == count
    assert most - before < count * dim * 4 / 2


@SERVER
def test_what_is_read_in_parts_is_read_by_a_cursor_of_the_server(
    database: Database, store: Store
) -> None:
    store(*(new_photo(f"P{n}", n) for n in range(3)))
    kinds: list[str] = []

    def note(_: object, cursor: object, statement: str, *__: object) -> None:
        kinds.append(type(cursor).__name__)

    with database.reading() as session:
        space = reads.spaces(session)[0]
        sa.event.listen(database.engine, "before_cursor_execute", note)
        for read in (
            lambda: tail.rows_after(session, space, 0),
            lambda: list(tail.row_blocks(session, space, 0, size=2)),
            lambda: tail.people_after(session, 0),
            lambda: tail.corrected_photos_after(session, space, 0),
        ):
            kinds.clear()
            read()
            assert set(kinds) == {"ServerCursor"}
        sa.event.remove(database.engine, "before_cursor_execute", note)


# What the server keeps of deleted rows


@SERVER
def test_a_vacuum_takes_what_was_deleted_off_the_tables_pages(database: Database, url: str) -> None:
    need_own_server(url)
    host = sa.make_url(url).query["host"]
    assert isinstance(host, str)
    with database.reading() as session:
        number = session.scalar(
            sa.text("SELECT oid FROM pg_database WHERE datname = current_database()")
        )
    folder = Path(host) / "data" / "base" / str(number)
    needle = b"THE-NEEDLE"

    def held() -> bool:
        run(url, "CHECKPOINT")
        return any(needle in path.read_bytes() for path in folder.iterdir())

    with database.writing() as session:
        record_event(session, "THE-NEEDLE")
    assert held()
    with database.writing() as session:
        session.execute(sa.delete(t.AuditEvent))
    assert held()
    database.vacuum(["audit_event"])
    assert not held()


@SERVER
@pytest.mark.parametrize("elsewhere", [False, True], ids=["reads it", "writes in another database"])
def test_a_vacuum_waits_for_who_still_sees_the_rows(
    elsewhere: bool, database: Database, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not for a lock: whoever reads another table, such as the server's own cleaning, is enough, or
    writes in another gallery's database."""
    other = Database(address_of(tmp_path / "other"))
    with database.writing() as session:
        record_event(session, "read")
    with other.writing() if elsewhere else database.reading() as session:
        if elsewhere:
            record_event(session, "add")
            session.flush()
        else:
            reads.spaces(session)
        with database.writing() as deleting:
            deleting.execute(sa.delete(t.AuditEvent))
        with monkeypatch.context() as patched:
            patched.setattr(postgres, "PATIENCE", 0.5)
            with pytest.raises(DatabaseError) as caught:
                database.vacuum(["audit_event"])
        assert re.search(r"still in the database \(\d+ in the table audit_event", str(caught.value))
        assert "server process" in str(caught.value)
        assert "Wait until it has ended" in caught.value.hint
        until = threading.Timer(0.5, session.rollback)
        until.start()
        database.vacuum(["audit_event"])
        until.join()
    database.vacuum(["audit_event"])
    other.close()


@SERVER
def test_a_vacuum_that_the_server_passes_over_is_told(
    role: str, url: str, database: Database
) -> None:
    run(url, f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {role}")
    reader = Database(as_user(url, role))
    with pytest.raises(DatabaseError, match="did not clean") as caught:
        reader.vacuum(["audit_event"])
    assert "owner" in caught.value.hint
    reader.close()


@SERVER
def test_the_template_is_at_the_newest_migration() -> None:
    server = on_server()
    assert server is not None
    assert database_revision(server.address(MADE)) == REVISION


@SERVER
def test_threads_share_a_database(database: Database) -> None:
    failed: list[BaseException] = []

    def work() -> None:
        try:
            for _ in range(10):
                with database.writing() as session:
                    record_event(session, "add")
                with database.reading() as session:
                    tail.read_mark(session, None)
        except BaseException as error:  # noqa: BLE001 - none may come
            failed.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failed == []
    with database.reading() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(t.AuditEvent)) == 40

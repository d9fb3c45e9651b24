"""The settings: defaults, a TOML file, and `GESTALT_*` in the environment, later ones winning.

Nothing is read until `load_settings()` is called.
"""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs
from pydantic import Field, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from gestalt_space.devices import Device, Precision
from gestalt_space.errors import UsageError

APP = "gestalt-space"


def settings_file() -> Path:
    """The TOML file that is read where it exists: `$GESTALT_SETTINGS`, else the user's own."""
    given = os.environ.get("GESTALT_SETTINGS")
    return Path(given) if given else platformdirs.user_config_path(APP) / "settings.toml"


class Settings(BaseSettings):
    """All settings of this package."""

    model_config = SettingsConfigDict(
        env_prefix="GESTALT_", env_ignore_empty=True, extra="ignore", frozen=True
    )

    home: Path = Field(
        default_factory=lambda: platformdirs.user_data_path(APP),
        description="Folder of the gallery, its index and the models.",
    )
    models: Path | None = Field(
        default=None, description="Folder of the models, where it is not `models` in the home."
    )
    database_url: str | None = Field(
        default=None,
        description="Address of a PostgreSQL database, as `postgresql://USER@HOST/NAME`, where the "
        "database is not a SQLite file in the home.",
    )
    max_photo_bytes: int = Field(
        default=64 * 2**20, gt=0, description="Largest photo file that is opened, in bytes."
    )
    max_photo_pixels: int = Field(
        default=80_000_000,
        gt=0,
        le=178_000_000,
        description="Largest photo that is decoded, in pixels; at most 178 million.",
    )
    batch_size: int = Field(default=16, gt=0, description="Faces encoded at once.")
    precisions: dict[str, Precision] = Field(
        default_factory=dict,
        description="Precision of encoders by the names of their models, float32 for all others: a "
        'table `[precisions]` with lines as `"mobilefacenet" = "bf16"`, in the environment JSON. '
        "`gestalt models tune NAME` measures what a machine gains and what it changes.",
    )
    compile_encoders: bool = Field(
        default=False,
        description="Compile encoders that run in torch: faster for thousands of photos, after a "
        "minute. Needs a C++ compiler.",
    )
    search_device: Device = Field(
        default="auto",
        description="What searches galleries of more than about 50,000 photos: `auto`, a GPU where "
        "one works, after a few matches of a gallery that stays open; `cpu`; or `cuda`, at once, "
        "and an error where none works.",
    )
    audit_matches: bool = Field(
        default=False,
        description="Write each match into the audit trail: who asked, when, about how many "
        "photos, and about which patient of the gallery. Nothing of the photos is kept.",
    )
    busy_timeout: float = Field(
        default=30.0, ge=0, description="Seconds to wait for another writer of the database."
    )

    @field_validator("home", "models")
    @classmethod
    def _expand_user(cls, path: Path | None) -> Path | None:
        try:
            return None if path is None else path.expanduser()
        except RuntimeError as error:
            raise ValueError(f"{path} is the home of nobody here") from error

    @property
    def models_dir(self) -> Path:
        """Folder of the models."""
        return self.models if self.models is not None else self.home / "models"

    @property
    def index_dir(self) -> Path:
        """Folder of the index."""
        return self.home / "index"

    @property
    def calibrating_dir(self) -> Path:
        """Folder of what a calibration keeps for the next one."""
        return self.home / "calibrating"

    @property
    def database(self) -> str | Path:
        """The database: the path of a SQLite file, or an address where one is set."""
        return self.database_url or self.home / "gallery.sqlite3"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments over environment over file over defaults."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, settings_file())


def load_settings(home: Path | str | None = None) -> Settings:
    """The settings in force; `home`, where given, wins over file and environment.

    Raises `UsageError` for a value that does not fit, or a settings file that cannot be read.
    """
    try:
        return Settings() if home is None else Settings(home=Path(home))
    except ValidationError as error:
        wrong = "; ".join(f"{e['loc'][0]}: {e['msg']}" for e in error.errors())
        raise UsageError(
            f"A setting does not fit: {wrong}.",
            f"Mend the GESTALT_… variable or the line in {settings_file()}.",
        ) from error
    except SettingsError as error:
        raise UsageError(
            f"A GESTALT_… variable cannot be read: {error}.",
            """Write a table as JSON: GESTALT_PRECISIONS='{"mobilefacenet": "bf16"}'.""",
        ) from error
    except (OSError, ValueError, RuntimeError) as error:
        raise UsageError(
            f"The settings file {settings_file()} cannot be read: {error}", "Mend its TOML."
        ) from error

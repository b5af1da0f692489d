"""Settings: environment variables that begin with `GREFFE_`, or the same names in `.env`."""

from functools import lru_cache
from typing import Literal

from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="GREFFE_", env_file=".env", extra="ignore")

    database_url: str
    valkey_url: str
    pool_size: int = 5
    default_locale: Literal["en", "fr"] = "en"
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"


@lru_cache
def get_settings() -> Settings:
    return Settings()

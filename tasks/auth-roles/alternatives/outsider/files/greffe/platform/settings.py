"""Settings: environment variables that begin with `GREFFE_`, or the same names in `.env`."""

from functools import lru_cache
from typing import Annotated, Literal

from pydantic import Field, PositiveInt, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from greffe.platform.wire import Email


class Settings(BaseSettings):
    # Without its input, so that no secret is shown by the error that stops a wrong start.
    model_config = SettingsConfigDict(
        env_prefix="GREFFE_", env_file=".env", extra="ignore", hide_input_in_errors=True
    )

    database_url: str
    valkey_url: str
    pool_size: int = 5
    default_locale: Literal["en", "fr"] = "en"
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    token_secret: Annotated[SecretStr, Field(min_length=32)]
    admin_email: Email
    admin_password: Annotated[SecretStr, Field(min_length=12)]
    access_token_seconds: PositiveInt = 900
    refresh_token_seconds: PositiveInt = 1_209_600
    login_attempts: PositiveInt = 5
    login_window_seconds: PositiveInt = 60


@lru_cache
def get_settings() -> Settings:
    return Settings()

"""Every table of the application, so that migrations and tests find them on the metadata."""

from greffe.accounts.tables import accounts
from greffe.dossiers.tables import dossiers
from greffe.notes.tables import notes
from greffe.sessions.tables import refresh_tokens, sessions

ALL_TABLES = (accounts, sessions, refresh_tokens, dossiers, notes)

"""Every table of the application, so that migrations and tests find them on the metadata."""

from greffe.dossiers.tables import dossiers
from greffe.notes.tables import notes

ALL_TABLES = (dossiers, notes)

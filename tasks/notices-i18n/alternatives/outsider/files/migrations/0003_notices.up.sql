CREATE TABLE notices (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind varchar(20) NOT NULL,
    publish_from timestamptz NOT NULL,
    publish_until timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT ck_notices_window CHECK (publish_until > publish_from)
);

CREATE INDEX ix_notices_publish_from ON notices (publish_from, id);

CREATE TABLE notice_translations (
    notice_id integer NOT NULL REFERENCES notices (id) ON DELETE CASCADE,
    language varchar(2) NOT NULL,
    title varchar(120) NOT NULL,
    body text NOT NULL,
    PRIMARY KEY (notice_id, language),
    CONSTRAINT ck_notice_translations_language CHECK (language IN ('en', 'fr'))
);

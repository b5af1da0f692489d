CREATE TABLE subscribers (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name varchar(80) NOT NULL,
    email varchar(254) NOT NULL,
    language varchar(2) NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT uq_subscribers_email UNIQUE (email),
    CONSTRAINT ck_subscribers_language CHECK (language IN ('en', 'fr'))
);

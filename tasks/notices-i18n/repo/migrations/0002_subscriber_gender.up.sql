ALTER TABLE subscribers
    ADD COLUMN gender varchar(10) NOT NULL DEFAULT 'neutral',
    ADD CONSTRAINT ck_subscribers_gender CHECK (gender IN ('female', 'male', 'neutral'));

CREATE INDEX ix_subscribers_language ON subscribers (language);

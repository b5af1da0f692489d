DROP INDEX ix_subscribers_language;

ALTER TABLE subscribers DROP COLUMN gender;

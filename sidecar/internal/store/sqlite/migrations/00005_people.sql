-- +goose Up
-- Whom a row is about: MACs of the number (or of a key that is one) and of the
-- account, by which a person's rows are shown and erased.
ALTER TABLE records ADD COLUMN person BLOB;
ALTER TABLE records ADD COLUMN account BLOB;
ALTER TABLE records ADD COLUMN evidence INTEGER NOT NULL DEFAULT 0; -- 1: kept when the person is forgotten
ALTER TABLE records ADD COLUMN made INTEGER NOT NULL DEFAULT 0;
CREATE INDEX records_person ON records (person);
CREATE INDEX records_account ON records (account);

ALTER TABLE counters ADD COLUMN person BLOB;
ALTER TABLE counters ADD COLUMN account BLOB;
ALTER TABLE counters ADD COLUMN extension TEXT NOT NULL DEFAULT '';
ALTER TABLE counters ADD COLUMN name TEXT NOT NULL DEFAULT '';
CREATE INDEX counters_person ON counters (person);
CREATE INDEX counters_account ON counters (account);

CREATE TABLE outbox (
  key       BLOB    PRIMARY KEY,         -- MAC of extension and key
  extension TEXT    NOT NULL,
  message   BLOB,                        -- sealed; NULL once delivered
  person    BLOB,
  account   BLOB,
  made      INTEGER NOT NULL,
  due       INTEGER NOT NULL,            -- next delivery; while one is under way, the end of its lease
  attempt   INTEGER NOT NULL,            -- deliveries begun
  lease     BLOB,                        -- whose delivery is under way
  until     INTEGER NOT NULL,            -- then it is given up
  expires   INTEGER                      -- once delivered: its key is forgotten then
) STRICT;
CREATE INDEX outbox_due ON outbox (extension, due) WHERE message IS NOT NULL;
CREATE INDEX outbox_person ON outbox (person);
CREATE INDEX outbox_account ON outbox (account);
CREATE INDEX outbox_expires ON outbox (expires);

CREATE TABLE erasures (
  id      TEXT    PRIMARY KEY,
  request BLOB    NOT NULL,              -- sealed
  expires INTEGER NOT NULL
) STRICT;
CREATE INDEX erasures_expires ON erasures (expires);

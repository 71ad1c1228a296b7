-- +goose Up
CREATE TABLE devices (
  id      TEXT    PRIMARY KEY,
  person  BLOB    NOT NULL,              -- MAC of the number
  account BLOB    NOT NULL,              -- MAC of the account's id
  key     BLOB    NOT NULL,              -- MAC of the thumbprint of its key
  state   INTEGER NOT NULL,
  made    INTEGER NOT NULL,
  expires INTEGER,                       -- once blocked: it is forgotten then
  keyed   TEXT    NOT NULL,              -- the versions of the keys under which this row stands
  record  BLOB    NOT NULL               -- sealed
) STRICT;
CREATE INDEX devices_person ON devices (person);
CREATE INDEX devices_account ON devices (account);
CREATE UNIQUE INDEX devices_key ON devices (key);
CREATE INDEX devices_expires ON devices (expires);
CREATE INDEX devices_keyed ON devices (keyed);

CREATE TABLE permits (
  proof   BLOB    PRIMARY KEY,           -- MAC of what was proved
  place   BLOB    NOT NULL,              -- MAC of session and client
  person  BLOB    NOT NULL,
  account BLOB    NOT NULL,
  used    INTEGER NOT NULL,              -- 1: used, or a newer one took its place
  until   INTEGER NOT NULL,              -- how long it may be used
  expires INTEGER NOT NULL,              -- how long its proof gives no other one
  record  BLOB    NOT NULL               -- sealed
) STRICT;
CREATE INDEX permits_place ON permits (place);
CREATE INDEX permits_person ON permits (person);
CREATE INDEX permits_account ON permits (account);
CREATE INDEX permits_expires ON permits (expires);

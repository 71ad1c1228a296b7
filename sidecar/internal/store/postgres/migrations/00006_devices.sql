-- +goose Up
CREATE TABLE devices (
  id      TEXT    PRIMARY KEY,
  person  BYTEA   NOT NULL,              -- MAC of the number
  account BYTEA   NOT NULL,              -- MAC of the account's id
  key     BYTEA   NOT NULL,              -- MAC of the thumbprint of its key
  state   BIGINT  NOT NULL,
  made    BIGINT  NOT NULL,
  expires BIGINT,                        -- once blocked: it is forgotten then
  keyed   TEXT    NOT NULL,              -- the versions of the keys under which this row stands
  record  BYTEA   NOT NULL               -- sealed
);
CREATE INDEX devices_person ON devices (person);
CREATE INDEX devices_account ON devices (account);
CREATE UNIQUE INDEX devices_key ON devices (key);
CREATE INDEX devices_expires ON devices (expires);
CREATE INDEX devices_keyed ON devices (keyed);

CREATE TABLE permits (
  proof   BYTEA   PRIMARY KEY,           -- MAC of what was proved
  place   BYTEA   NOT NULL,              -- MAC of session and client
  person  BYTEA   NOT NULL,
  account BYTEA   NOT NULL,
  used    BIGINT  NOT NULL,              -- 1: used, or a newer one took its place
  until   BIGINT  NOT NULL,              -- how long it may be used
  expires BIGINT  NOT NULL,              -- how long its proof gives no other one
  record  BYTEA   NOT NULL               -- sealed
);
CREATE INDEX permits_place ON permits (place);
CREATE INDEX permits_person ON permits (person);
CREATE INDEX permits_account ON permits (account);
CREATE INDEX permits_expires ON permits (expires);

-- +goose Up
CREATE TABLE approvals (
  id      TEXT    PRIMARY KEY,
  key     BLOB    NOT NULL UNIQUE,       -- MAC of client and idempotency key
  client  TEXT    NOT NULL,
  person  BLOB    NOT NULL,              -- MAC of the number
  account BLOB    NOT NULL,              -- MAC of the account
  state   INTEGER NOT NULL,              -- 1 pending, 2 approved; all others are final
  over    INTEGER NOT NULL,              -- when pending or approved ends
  era     TEXT    NOT NULL,              -- the life of the database in which it last changed
  mark    INTEGER NOT NULL,              -- of its last change
  made    INTEGER NOT NULL,
  expires INTEGER NOT NULL,
  record  BLOB    NOT NULL               -- sealed
) STRICT;
CREATE INDEX approvals_client ON approvals (client, made);
CREATE INDEX approvals_person ON approvals (person);
CREATE INDEX approvals_account ON approvals (account, made);
CREATE INDEX approvals_over ON approvals (over) WHERE state IN (1, 2);
CREATE INDEX approvals_mark ON approvals (mark);
CREATE INDEX approvals_expires ON approvals (expires);

-- How many changes were marked, and the present life of this file: another one
-- begins when the file is an older copy of itself.
CREATE TABLE marks (
  id   INTEGER PRIMARY KEY,
  mark INTEGER NOT NULL,
  lap  TEXT    NOT NULL
) STRICT;
INSERT INTO marks (id, mark, lap) VALUES (1, 0, lower(hex(randomblob(8))));

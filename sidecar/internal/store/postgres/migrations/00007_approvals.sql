-- +goose Up
CREATE TABLE approvals (
  id      TEXT    PRIMARY KEY,
  key     BYTEA   NOT NULL UNIQUE,       -- MAC of client and idempotency key
  client  TEXT    NOT NULL,
  person  BYTEA   NOT NULL,              -- MAC of the number
  account BYTEA   NOT NULL,              -- MAC of the account
  state   BIGINT  NOT NULL,              -- 1 pending, 2 approved; all others are final
  over    BIGINT  NOT NULL,              -- when pending or approved ends
  era     TEXT    NOT NULL,              -- the life of the database in which it last changed
  mark    BIGINT  NOT NULL,              -- of its last change: id of the transaction
  made    BIGINT  NOT NULL,
  expires BIGINT  NOT NULL,
  record  BYTEA   NOT NULL               -- sealed
);
CREATE INDEX approvals_client ON approvals (client, made);
CREATE INDEX approvals_person ON approvals (person);
CREATE INDEX approvals_account ON approvals (account, made);
CREATE INDEX approvals_over ON approvals (over) WHERE state IN (1, 2);
CREATE INDEX approvals_mark ON approvals (mark);
CREATE INDEX approvals_expires ON approvals (expires);

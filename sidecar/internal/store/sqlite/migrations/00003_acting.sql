-- +goose Up
-- What was pushed travels in its request_uri. Only tabs in which an action
-- waits are left to be kept.
DROP TABLE pushed;
CREATE TABLE acting (
  hash    BLOB    PRIMARY KEY,
  expires INTEGER NOT NULL
) STRICT;
CREATE INDEX acting_expires ON acting (expires);

-- +goose Up
-- Proofs of possession that were taken: none is taken twice.
CREATE TABLE proofs (
  key     BLOB    PRIMARY KEY,           -- hash of the phone's key and the proof's id
  expires INTEGER NOT NULL
) STRICT;
CREATE INDEX proofs_expires ON proofs (expires);

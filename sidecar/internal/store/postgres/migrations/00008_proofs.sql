-- +goose Up
-- Proofs of possession that were taken: none is taken twice.
CREATE TABLE proofs (
  key     BYTEA  PRIMARY KEY,            -- hash of the phone's key and the proof's id
  expires BIGINT NOT NULL
);
CREATE INDEX proofs_expires ON proofs (expires);

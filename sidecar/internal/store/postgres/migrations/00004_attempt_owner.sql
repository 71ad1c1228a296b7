-- +goose Up
-- Whose attempts count together: MAC of the account, else of number and address.
ALTER TABLE attempts ADD COLUMN owner BYTEA;
CREATE INDEX attempts_owner ON attempts (owner) WHERE terminal = 0;

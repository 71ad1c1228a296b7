-- +goose Up
-- 1: the phone is as a backup has it; until a new proof it confirms nothing.
ALTER TABLE devices ADD COLUMN restored BIGINT NOT NULL DEFAULT 0;

-- The life of the database in which phones were last looked after; another one
-- begins with each restored backup.
CREATE TABLE life (
  id  BIGINT PRIMARY KEY,
  era TEXT NOT NULL
);

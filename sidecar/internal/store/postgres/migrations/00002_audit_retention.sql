-- +goose Up
-- Where the chain begins after its oldest batches were removed: the last one
-- removed and its link.
ALTER TABLE audit_heads ADD COLUMN removed BIGINT NOT NULL DEFAULT 0;
ALTER TABLE audit_heads ADD COLUMN removed_link BYTEA;
CREATE INDEX audit_lines_person ON audit_lines (person);

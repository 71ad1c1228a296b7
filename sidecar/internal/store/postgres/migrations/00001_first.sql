-- +goose Up
CREATE TABLE attempts (
  id       TEXT    PRIMARY KEY,          -- one-way image of the browser's secret
  address  BYTEA    NOT NULL,             -- MAC of the client's address
  session  BYTEA,                         -- MAC of Keycloak's sid
  terminal BIGINT NOT NULL,             -- 0 or 1
  expires  BIGINT NOT NULL,             -- microseconds since 1970, as every time below
  record   BYTEA    NOT NULL,             -- sealed
  held     BYTEA                          -- sealed
);
CREATE INDEX attempts_address ON attempts (address) WHERE terminal = 0;
CREATE INDEX attempts_session ON attempts (session);
CREATE INDEX attempts_expires ON attempts (expires);

CREATE TABLE codes (
  hash    BYTEA    PRIMARY KEY,
  record  BYTEA    NOT NULL,
  expires BIGINT NOT NULL
);
CREATE INDEX codes_expires ON codes (expires);

CREATE TABLE pushed (
  hash    BYTEA    PRIMARY KEY,
  record  BYTEA    NOT NULL,
  expires BIGINT NOT NULL
);
CREATE INDEX pushed_expires ON pushed (expires);

CREATE TABLE logins (
  sid     BYTEA    PRIMARY KEY,           -- MAC
  record  BYTEA    NOT NULL,
  seen    BIGINT NOT NULL,
  expires BIGINT NOT NULL
);
CREATE INDEX logins_seen ON logins (seen);
CREATE INDEX logins_expires ON logins (expires);

CREATE TABLE sessions (
  id      BYTEA    PRIMARY KEY,           -- one-way image of the cookie
  subject BYTEA    NOT NULL,              -- MAC of issuer and sub
  sid     BYTEA,                          -- MAC of issuer and sid
  expires BIGINT NOT NULL,
  record  BYTEA    NOT NULL
);
CREATE INDEX sessions_subject ON sessions (subject);
CREATE INDEX sessions_sid ON sessions (sid);
CREATE INDEX sessions_expires ON sessions (expires);

CREATE TABLE records (
  key       BYTEA    PRIMARY KEY,         -- MAC of extension and person
  extension TEXT    NOT NULL,
  version   BIGINT NOT NULL,            -- random at each change
  expires   BIGINT NOT NULL,
  data      BYTEA    NOT NULL             -- sealed
);
CREATE INDEX records_expires ON records (expires);

CREATE TABLE counters (
  key     BYTEA    PRIMARY KEY,           -- MAC of extension, limit and subject
  tries   BIGINT NOT NULL,
  last    BIGINT NOT NULL,
  expires BIGINT                        -- NULL: for life
);
CREATE INDEX counters_expires ON counters (expires);

CREATE TABLE audit_heads (
  stream TEXT    PRIMARY KEY,
  seq    BIGINT NOT NULL,
  link   BYTEA    NOT NULL,
  mac    BYTEA    NOT NULL
);

CREATE TABLE audit_batches (
  stream TEXT    NOT NULL,
  seq    BIGINT NOT NULL,
  prev   BYTEA    NOT NULL,
  link   BYTEA    NOT NULL,
  PRIMARY KEY (stream, seq)
);

CREATE TABLE audit_lines (
  stream TEXT    NOT NULL,
  seq    BIGINT NOT NULL,
  pos    BIGINT NOT NULL,
  at     BIGINT NOT NULL,
  phase  BIGINT NOT NULL,
  action TEXT    NOT NULL,
  step   TEXT    NOT NULL,
  client TEXT    NOT NULL,
  result TEXT    NOT NULL,
  ref    TEXT    NOT NULL,
  person BYTEA,                           -- id of the person's key
  sealed BYTEA,
  PRIMARY KEY (stream, seq, pos)
);

CREATE TABLE audit_people (
  person BYTEA PRIMARY KEY,               -- MAC of the account
  id     BYTEA NOT NULL UNIQUE,
  key    BYTEA NOT NULL                   -- sealed; deleting the row erases the person
);

CREATE TABLE probes (
  id BIGINT PRIMARY KEY,
  at BIGINT NOT NULL
);

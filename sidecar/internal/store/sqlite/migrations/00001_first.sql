-- +goose Up
CREATE TABLE attempts (
  id       TEXT    PRIMARY KEY,          -- one-way image of the browser's secret
  address  BLOB    NOT NULL,             -- MAC of the client's address
  session  BLOB,                         -- MAC of Keycloak's sid
  terminal INTEGER NOT NULL,             -- 0 or 1
  expires  INTEGER NOT NULL,             -- microseconds since 1970, as every time below
  record   BLOB    NOT NULL,             -- sealed
  held     BLOB                          -- sealed
) STRICT;
CREATE INDEX attempts_address ON attempts (address) WHERE terminal = 0;
CREATE INDEX attempts_session ON attempts (session);
CREATE INDEX attempts_expires ON attempts (expires);

CREATE TABLE codes (
  hash    BLOB    PRIMARY KEY,
  record  BLOB    NOT NULL,
  expires INTEGER NOT NULL
) STRICT;
CREATE INDEX codes_expires ON codes (expires);

CREATE TABLE pushed (
  hash    BLOB    PRIMARY KEY,
  record  BLOB    NOT NULL,
  expires INTEGER NOT NULL
) STRICT;
CREATE INDEX pushed_expires ON pushed (expires);

CREATE TABLE logins (
  sid     BLOB    PRIMARY KEY,           -- MAC
  record  BLOB    NOT NULL,
  seen    INTEGER NOT NULL,
  expires INTEGER NOT NULL
) STRICT;
CREATE INDEX logins_seen ON logins (seen);
CREATE INDEX logins_expires ON logins (expires);

CREATE TABLE sessions (
  id      BLOB    PRIMARY KEY,           -- one-way image of the cookie
  subject BLOB    NOT NULL,              -- MAC of issuer and sub
  sid     BLOB,                          -- MAC of issuer and sid
  expires INTEGER NOT NULL,
  record  BLOB    NOT NULL
) STRICT;
CREATE INDEX sessions_subject ON sessions (subject);
CREATE INDEX sessions_sid ON sessions (sid);
CREATE INDEX sessions_expires ON sessions (expires);

CREATE TABLE records (
  key       BLOB    PRIMARY KEY,         -- MAC of extension and person
  extension TEXT    NOT NULL,
  version   INTEGER NOT NULL,            -- random at each change
  expires   INTEGER NOT NULL,
  data      BLOB    NOT NULL             -- sealed
) STRICT;
CREATE INDEX records_expires ON records (expires);

CREATE TABLE counters (
  key     BLOB    PRIMARY KEY,           -- MAC of extension, limit and subject
  tries   INTEGER NOT NULL,
  last    INTEGER NOT NULL,
  expires INTEGER                        -- NULL: for life
) STRICT;
CREATE INDEX counters_expires ON counters (expires);

CREATE TABLE audit_heads (
  stream TEXT    PRIMARY KEY,
  seq    INTEGER NOT NULL,
  link   BLOB    NOT NULL,
  mac    BLOB    NOT NULL
) STRICT;

CREATE TABLE audit_batches (
  stream TEXT    NOT NULL,
  seq    INTEGER NOT NULL,
  prev   BLOB    NOT NULL,
  link   BLOB    NOT NULL,
  PRIMARY KEY (stream, seq)
) STRICT;

CREATE TABLE audit_lines (
  stream TEXT    NOT NULL,
  seq    INTEGER NOT NULL,
  pos    INTEGER NOT NULL,
  at     INTEGER NOT NULL,
  phase  INTEGER NOT NULL,
  action TEXT    NOT NULL,
  step   TEXT    NOT NULL,
  client TEXT    NOT NULL,
  result TEXT    NOT NULL,
  ref    TEXT    NOT NULL,
  person BLOB,                           -- id of the person's key
  sealed BLOB,
  PRIMARY KEY (stream, seq, pos)
) STRICT;

CREATE TABLE audit_people (
  person BLOB PRIMARY KEY,               -- MAC of the account
  id     BLOB NOT NULL UNIQUE,
  key    BLOB NOT NULL                   -- sealed; deleting the row erases the person
) STRICT;

CREATE TABLE probes (
  id INTEGER PRIMARY KEY,
  at INTEGER NOT NULL
) STRICT;

-- How the person proved who they are, the application that the session is for, and the device's name of the person's own.
ALTER TABLE sessions ADD COLUMN methods TEXT NOT NULL DEFAULT '[]';
ALTER TABLE sessions ADD COLUMN client TEXT;
ALTER TABLE sessions ADD COLUMN name TEXT;

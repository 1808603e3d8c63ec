-- A trusted extension: the owner of the database may create it.
CREATE EXTENSION IF NOT EXISTS pg_trgm;

-- For WHERE title ILIKE '%part%', which no B-tree can serve. Without fastupdate, a search after many
-- inserts does not have to scan a long list of titles that are not in the index proper yet.
CREATE INDEX "movies_title_trigrams" ON "movies" USING GIN ("title" gin_trgm_ops) WITH (fastupdate = off);

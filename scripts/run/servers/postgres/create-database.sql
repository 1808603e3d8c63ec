-- A role and the database that it owns. Safe to run twice; a changed password takes effect.
-- Run by a superuser. psql variables: role, password, database, ctype (the C library's name of a UTF-8 locale).
--
-- The role owns its database, and so may create tables and trusted extensions there, and nothing anywhere else.

SELECT format('CREATE ROLE %I', :'role')
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'role') \gexec

ALTER ROLE :"role" LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD :'password';

-- The builtin provider folds case by Unicode on every system alike. pg_trgm still asks the C library before PostgreSQL 18,
-- and so does all of a PostgreSQL before 17, which has no such provider.
SELECT format('CREATE DATABASE %I OWNER %I TEMPLATE template0 ENCODING ''UTF8'' %s LC_COLLATE ''C'' LC_CTYPE %L', :'database', :'role',
  CASE WHEN current_setting('server_version_num')::int >= 170000 THEN 'LOCALE_PROVIDER builtin BUILTIN_LOCALE ''C.UTF-8''' END,
  :'ctype')
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'database') \gexec

ALTER DATABASE :"database" OWNER TO :"role";

-- PUBLIC may connect to every database unless told otherwise.
REVOKE ALL ON DATABASE :"database" FROM PUBLIC;
REVOKE ALL ON DATABASE postgres, template1 FROM PUBLIC;

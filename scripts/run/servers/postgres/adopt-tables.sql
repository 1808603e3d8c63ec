-- Gives what is in this database to the role that owns it today: its name in .env may have changed. Safe to run twice.
-- Run by a superuser, in that database, after create-database.sql. psql variable: role.
-- The former role stays, and has no right left.

SELECT DISTINCT format('REASSIGN OWNED BY %I TO %I', pg_get_userbyid(relowner), :'role')
FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND pg_get_userbyid(relowner) NOT IN (:'role', current_user) \gexec
